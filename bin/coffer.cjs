#!/usr/bin/env node
// The command. What it starts is made by `npm run build`. CommonJS, because Node starts that some milliseconds sooner.
'use strict'
const { existsSync } = require('node:fs')
const { join } = require('node:path')
const { setFlagsFromString } = require('node:v8')

// Files, the store and password hashes share this pool of threads, whose size is read when it is first used.
if (process.argv[2] === 'server') process.env.UV_THREADPOOL_SIZE ||= '8'

// What runs for long beside programs has little to do at a time: V8 would keep three times the memory for the work of its start.
if (['agent', 'run'].includes(process.argv[2])) for (const flag of ['--semi-space-growth-factor=1', '--optimize-for-size']) setFlagsFromString(flag)

const built = join(__dirname, '../dist/boot.cjs')
if (existsSync(built)) {
  // What takes longest, the first worker, begins while this process is still being loaded.
  if (process.argv[2] === 'server') require('../dist/fork.cjs').forkAhead(join(__dirname, '../dist/worker-main.cjs'), process.argv.slice(3))
  require(built).start('coffer.cjs', 'main')
} else {
  process.stderr.write('Coffer is not built yet. In the folder of its package.json run:\n\n  npm install && npm run build\n')
  process.exitCode = 1
}
