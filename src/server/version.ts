/** The versions that are announced: Vault's API level, which clients decide by, and our own behind it. */

export const cofferVersion = '0.1.0'
/** Semver with build metadata, also a valid PEP 440 local version: clients in Go and Python both parse it. */
export const apiVersion = `1.20.0+coffer.${cofferVersion}`
export const buildDate = '2026-11-21T00:00:00Z'
