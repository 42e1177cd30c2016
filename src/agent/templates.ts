/** Renders all templates of an agent, and again whenever one of their secrets has changed. */
import { readFileSync, appendFileSync, chmodSync, chownSync } from 'node:fs'
import { resolve, sep } from 'node:path'
import { TemplateError } from '../kit/template/values.ts'
import { reasonOf } from './auth/keeper.ts'
import type { TemplateSettings } from './config/settings.ts'
import { idOf, writeWhole } from './files.ts'
import { pause, type AgentHost } from './host.ts'
import type { Secrets } from './secrets.ts'
import type { Question } from './template/asking.ts'
import { renderTemplate, type Rendered, type TemplateWorld, type WriteRequest } from './template/render.ts'

export interface TemplateJob {
  readonly templates: readonly TemplateSettings[]
  readonly secrets: Secrets
  readonly host: AgentHost
  /** Given every text whenever all of them are whole; the same may come twice. */
  readonly deliver: (texts: ReadonlyMap<TemplateSettings, string>) => Promise<void>
  /** Seconds-long failures in a row after which to give up; Infinity never does. */
  readonly failuresMax: number
  /** Aborts when something else than time asks for a new look: a new token, SIGHUP. Asked for anew before each wait. */
  readonly wake: () => AbortSignal
}

const firstRetryMs = 250
const retryMaxMs = 60_000
const roundsMax = 100

/** Runs until the signal aborts, or, with `once`, until everything was delivered once. Throws what cannot become better by itself. */
export async function runTemplates(job: TemplateJob, once: boolean, signal: AbortSignal): Promise<void> {
  for (let failures = 0; !signal.aborted; ) {
    const wake = job.wake()
    try {
      const { texts, used } = await renderAll(job)
      await job.deliver(texts)
      failures = 0
      if (once) return
      await untilChanged(job, used, AbortSignal.any([wake, signal]))
    } catch (error) {
      if (error instanceof TemplateError) throw new Error(`template: line ${error.line}: ${error.message}`, { cause: error })
      failures += 1
      job.host.log('error', 'template', `${reasonOf(error)}; ${failures > job.failuresMax ? 'giving up' : 'trying again'}`)
      if (failures > job.failuresMax) throw error
      await pause(job.host, Math.min(retryMaxMs, firstRetryMs * 2 ** (failures - 1)), AbortSignal.any([wake, signal]))
    }
  }
}

/** Until what is used has changed, or somebody wakes. */
async function untilChanged({ secrets, host }: TemplateJob, used: readonly Question[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(host, secrets.nextDueAt(used) - host.now(), signal)
    if (!signal.aborted && (await secrets.refreshDue(used))) return
  }
}

async function renderAll(job: TemplateJob): Promise<{ readonly texts: ReadonlyMap<TemplateSettings, string>; readonly used: readonly Question[] }> {
  for (let round = 0; round < roundsMax; round++) {
    const { known } = job.secrets
    const rendered = job.templates.map((template) => render(template, known, job.host))
    const missing = rendered.flatMap((one) => one.missing)
    if (missing.length === 0) {
      return { texts: new Map(job.templates.map((template, i) => [template, rendered[i]?.text ?? ''])), used: rendered.flatMap((one) => one.used) }
    }
    await job.secrets.fetch(unique(missing))
  }
  throw new Error(`a template asks for more than ${roundsMax} secrets, one after the other`)
}

const unique = (questions: readonly Question[]): Question[] => [...new Map(questions.map((question) => [JSON.stringify(question), question])).values()]

function render(template: TemplateSettings, known: Secrets['known'], host: AgentHost): Rendered {
  const { left, right, errorOnMissingKey } = template
  try {
    return renderTemplate({ source: sourceOf(template), left, right, errorOnMissingKey }, known, worldOf(template, host))
  } catch (error) {
    throw error instanceof TemplateError ? new TemplateError(`${template.name}: ${error.message}`, error.line) : error
  }
}

const sourceOf = ({ source, contents }: TemplateSettings): string => (source === '' ? contents : readFileSync(source, 'utf8'))

function worldOf({ sandbox }: TemplateSettings, { environment, now }: AgentHost): TemplateWorld {
  return {
    environment,
    now,
    readFile: (path) => readFileSync(inside(sandbox, path), 'utf8'),
    writeFile: (path, request) => writeFile(inside(sandbox, path), request),
  }
}

/** Throws where the path leaves the folder. */
function inside(sandbox: string, path: string): string {
  if (sandbox === '') return path
  const [folder, target] = [resolve(sandbox), resolve(path)]
  if (target !== folder && !target.startsWith(folder + sep)) throw new TemplateError(`${JSON.stringify(path)} is outside of the sandbox`)
  return target
}

function writeFile(path: string, { content, append, user, group, mode }: WriteRequest): void {
  if (!append) return void writeWhole({ path, content, mode, user, group, createFolders: true })
  appendFileSync(path, content, { mode })
  if (user !== '' || group !== '') chownSync(path, idOf('/etc/passwd', user, -1), idOf('/etc/group', group, -1))
  chmodSync(path, mode)
}
