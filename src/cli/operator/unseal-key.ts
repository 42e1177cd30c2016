/** Keys that people type in: from an argument, from stdin, or asked for without an echo. */
import type { Session } from '../command.ts'
import { usageError } from '../failure.ts'

/** `lead` is printed before asking. Throws `Failure` (1) when nobody is there to answer. */
export async function readKey(session: Session, argument: string | undefined, what: string, lead = ''): Promise<string> {
  const given = argument?.trim() ?? ''
  if (given === '-') return (await session.readInput()).trim()
  if (given !== '') return given
  const name = what.toLowerCase()
  if (!session.interactive) throw usageError(`Refusing to ask with -non-interactive: give the ${name} as an argument, or - for stdin.`)
  const { terminal } = session.host
  terminal.out(`${lead}${what} (will be hidden): `)
  try {
    return (await terminal.readHidden()).trim()
  } catch (error) {
    throw usageError(`Could not ask for the ${name}: ${(error as Error).message}. To pipe it in, give - as the argument.`)
  } finally {
    terminal.out('\n')
  }
}
