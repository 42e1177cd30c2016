/** `transit import PATH KEY [K=V...]`: a key from outside, wrapped on the way. */
import { defineCommand } from '../../command.ts'
import { importKey } from '../../transit/import-key.ts'

export const command = defineCommand({
  name: 'transit import',
  summary: 'Take a key from outside into a transit engine',
  arguments: 'PATH KEY [K=V...]',
  description:
    'Makes a new key out of KEY, which is base64 of the bytes of a symmetric key or of PKCS #8, or PEM of a private key; @FILE and - (stdin) keep ' +
    'it off the command line. It is wrapped on this machine with the wrapping key of the engine. PATH is MOUNT/keys/NAME; K=V are settings of the key. The exit code is 3 when the ' +
    'server refuses, or has no such mount.',
  examples: [['From a file:', 'transit import transit/keys/orders @orders.pem type=rsa-2048']],
  flags: {},
  args: { min: 2, max: -1 },
  run: (session) => importKey(session, 'import'),
})
