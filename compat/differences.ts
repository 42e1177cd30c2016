/**
 * Where we answer otherwise than the recorded server, on purpose: scenario → title of the step → reason. Better behaviour is a
 * reason, effort is not. An entry that no longer differs fails the test, and so does one that `README.md` does not name.
 */
export const differences: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'engines-other': {
    'rabbitmq creds without a server': 'A system behind a mount that does not answer is a 502, which says where the fault lies; 500 is for our own.',
    'kubernetes creds without a namespace': 'A system behind a mount that does not answer is a 502, which says where the fault lies; 500 is for our own.',
  },
  kv1: {
    'Write invalid JSON': 'The text begins with the same words and goes on to say where the mistake is.',
  },
  'pki-acme': {
    'directory of the role that is not allowed': 'What the configuration forbids is told as that, with 403, and not as an error of the server.',
    'directory with a default that forbids': 'What the configuration forbids is told as that, with 403, and not as an error of the server.',
  },
  'pki-revoke': {
    'auto-tidy': 'What has ended is tidied away unless somebody says otherwise, so that no mount grows for ever.',
  },
  'pki-roles': {
    'constrained root': 'Revocation lists are built when they are asked for, so making a root has nothing to say of the list of another issuer.',
  },
  'sys-wrapping': {
    'A wrapped seal status': 'The version and the date of the build are our own.',
  },
  token: {
    'Roles: look at the token': 'The limit that the role sets for the life of the token is in force, so it is shown.',
  },
  'transit-sign': {
    'random negative': 'A number of bytes that is none is refused; theirs is replaced by 32 without a word.',
  },
  transport: {
    'Path with a broken escape': 'Every refusal is JSON with a list of errors, also this one.',
    'Path with a null byte': 'The refusal says what is wrong with the path; theirs has no body.',
  },
}
