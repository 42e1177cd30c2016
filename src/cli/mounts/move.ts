/** Moving a mount, and waiting for the end of it. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Api } from '../api.ts'
import { step } from '../describe-failure.ts'
import { remoteError } from '../failure.ts'
import type { Printer } from '../output/printer.ts'
import { withSlash } from '../paths.ts'
import { objectOf, textOf } from '../secret.ts'

const pollMs = 500

/** `thing` is `secrets engine` or `auth method`. Throws `Failure` (2) when the move fails. */
export async function move(api: Api, print: Printer, thing: string, args: readonly string[]): Promise<void> {
  const [source = '', destination = ''] = args.map(withSlash)
  const route = `${thing} ${source} to ${destination}`
  const started = await step(`Error moving ${route}`, () => api.post('sys/remount', { from: source, to: destination }))
  const id = textOf(started?.data?.['migration_id'])
  print.line(`Started moving ${route}, with migration ID ${id}`)
  for (;;) {
    const status = await step(`Error checking migration status of ${route}`, () => api.read(`sys/remount/status/${id}`))
    const state = textOf(objectOf(status?.data?.['migration_info'])?.['status'])
    if (state === 'success') break
    if (state === 'failure') throw remoteError(`Failure! Error encountered moving ${route}, with migration ID ${id}`)
    await pause(pollMs)
  }
  print.line(`Success! Finished moving ${route}, with migration ID ${id}`)
}
