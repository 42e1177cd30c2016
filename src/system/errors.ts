/** Texts that come as a list of one, as Vault's clients know them. */
export const listItem = (text: string): string => `1 error occurred:\n\t* ${text}\n\n`
