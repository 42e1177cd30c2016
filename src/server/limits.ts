/** Times that the parts of a server have in common. */

/** For requests that are under way when the server stops: milliseconds. */
export const drainMs = 10_000
