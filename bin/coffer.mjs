#!/usr/bin/env node
// The command. What it starts is made by `npm run build`.
import { existsSync } from 'node:fs'
import * as module from 'node:module'

const built = new URL('../dist/coffer.mjs', import.meta.url)
if (existsSync(built)) {
  module.enableCompileCache?.()
  await import(built.href)
} else {
  process.stderr.write('Coffer is not built yet. In the folder of its package.json run:\n\n  npm install && npm run build\n')
  process.exitCode = 1
}
