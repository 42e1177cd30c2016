/** The crew as a worker sees it: what it does not do alone, it asks the supervisor for. */
import type { Crew } from '../../core/crew.ts'
import type { Ceremonies } from '../../core/keys.ts'
import type { Link } from './link.ts'
import type { AskedOfSupervisor, AskedOfWorker, Call } from './messages.ts'
import { packed } from './packing.ts'

export type WorkerLink = Link<AskedOfSupervisor, AskedOfWorker>

export const workerCrew = (link: WorkerLink): Crew => ({
  seal: async () => void (await link.ask('seal', null)),
  shareKey: async () => void (await link.ask('shareKey', null)),
  ceremonies: (own) => ceremoniesBy(own, (call) => link.ask('perform', call)),
  counting: (address, limit) => link.ask('count', { address, limit }),
  otherFigures: () => link.ask('figures', null),
})

type Perform = (call: Call) => Promise<unknown>

function ceremoniesBy(own: Ceremonies, perform: Perform): Ceremonies {
  const remote = <N extends Call['ceremony']>(ceremony: N): Ceremonies[N] =>
    new Proxy({} as Ceremonies[N], { get: (_, method) => (...given: unknown[]) => performed(perform, { ceremony, method: String(method), given }) })
  const unsealing = remote('unsealing')
  return {
    unsealing: {
      submit: (share) => unsealing.submit(share),
      reset: () => unsealing.reset(),
      // Asked for by every load balancer: who is unsealed knows all there is.
      async status() {
        const here = await own.unsealing.status()
        return here.sealed ? await unsealing.status() : here
      },
    },
    rekey: remote('rekey'),
    rekeyRecovery: remote('rekeyRecovery'),
    generateRoot: remote('generateRoot'),
  }
}

/** A share that was passed on is not kept. */
async function performed(perform: Perform, call: Call): Promise<unknown> {
  try {
    return await perform({ ...call, given: call.given.map(packed) })
  } finally {
    for (const given of call.given) if (given instanceof Uint8Array) given.fill(0)
  }
}
