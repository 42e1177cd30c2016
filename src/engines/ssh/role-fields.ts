/** What a role can say. */
import { defaulted, duration, flag, integer, object, text, textMap } from '../../kit/fields.ts'

const otpFields = {
  cidr_list: defaulted(text('One-time passwords: comma text of the ranges in which hosts may lie.'), ''),
  exclude_cidr_list: defaulted(text('One-time passwords: ranges inside of those that are left out.'), ''),
  port: defaulted(integer('One-time passwords: where sshd listens; only told to the client.'), 22),
}

const caFields = {
  algorithm_signer: defaulted(text('How an RSA authority signs: `rsa-sha2-256` (the default), `rsa-sha2-512`, or the outdated `ssh-rsa`.'), 'default'),
  allow_user_certificates: defaulted(flag('Whether certificates may be for users.'), false),
  allow_host_certificates: defaulted(flag('Whether certificates may be for hosts.'), false),
  allowed_users_template: defaulted(flag('Whether `{{identity.…}}` is filled in, in `allowed_users`.'), false),
  default_user_template: defaulted(flag('Whether `{{identity.…}}` is filled in, in `default_user`.'), false),
  allowed_domains: defaulted(text('Hosts: comma text of the domains; `*` for any.'), ''),
  allowed_domains_template: defaulted(flag('Whether `{{identity.…}}` is filled in, in `allowed_domains`.'), false),
  allow_bare_domains: defaulted(flag('Hosts: whether the allowed domains themselves may be names.'), false),
  allow_subdomains: defaulted(flag('Hosts: whether names below the allowed domains may be.'), false),
  allow_empty_principals: defaulted(flag('Whether a certificate may name nobody, and so be good for everybody.'), false),
  allow_user_key_ids: defaulted(flag('Whether the caller may choose the key id, by which sshd logs the certificate.'), false),
  key_id_format: defaulted(text('The key id, with `{{token_display_name}}`, `{{role_name}}` and `{{public_key_hash}}`.'), ''),
  allowed_user_key_lengths: defaulted(object('Types of keys that may be signed, each with the number of bits or a list of them; none for all.'), {}),
  ttl: defaulted(duration('How long certificates are valid if the caller does not say; 0 for the default of the mount.'), 0),
  max_ttl: defaulted(duration('How long certificates may be valid; 0 for the maximum of the mount.'), 0),
  not_before_duration: defaulted(duration('How far back the validity begins, because clocks differ.'), 30),
  default_critical_options: defaulted(textMap('Critical options, where the caller asks for none.'), {}),
  allowed_critical_options: defaulted(text('Comma text of the critical options that the caller may ask for; none for all.'), ''),
  default_extensions: defaulted(textMap('Extensions, where the caller asks for none.'), {}),
  default_extensions_template: defaulted(flag('Whether `{{identity.…}}` is filled in, in the values of `default_extensions`.'), false),
  allowed_extensions: defaulted(text('Comma text of the extensions that the caller may ask for; `*` for all, none for none.'), ''),
  issuer_ref: defaulted(text('Which authority signs: its name or id, or `default`.'), 'default'),
}

export const roleFields = {
  key_type: defaulted(text('`ca` for certificates, `otp` for one-time passwords.'), ''),
  default_user: defaulted(text('For whom, where the caller does not say.'), ''),
  allowed_users: defaulted(text('Comma text of users that may be asked for; `*` for any.'), ''),
  ...otpFields,
  ...caFields,
}
