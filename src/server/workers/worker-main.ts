/** Where the process of a worker begins. */
import type { Socket } from 'node:net'
import { Worker } from './worker.ts'

const ignore = (): void => undefined

// Ctrl-C, a service manager and the end of a terminal signal the whole group: what is to be done, the supervisor says.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, ignore)
// Node would open its debugger, and with it the memory, to anybody on this machine who may send the signal.
if (process.platform !== 'win32') process.on('SIGUSR1', ignore)

const worker = new Worker({ send: (message) => void process.send?.(message, undefined, undefined, ignore), exit: (code) => process.exit(code) })
process.on('message', (message, socket) => worker.receive(message, socket as Socket | undefined))
process.on('unhandledRejection', (error) => worker.report(error))
process.on('uncaughtException', (error) => worker.report(error))
// Without a supervisor there is nobody to answer to: its addresses are free already, and another server may be starting. Nothing is tidied up: a normal
// exit would wait for commits that are under way, and what is lost by a kill was not acknowledged.
const vanish = (): void => void process.kill(process.pid, 'SIGKILL')
process.on('disconnect', vanish)
// It may have ended while this file was loaded, before anybody listened.
if (!process.connected) vanish()
