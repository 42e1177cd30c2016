#!/usr/bin/env node
// The command. What it starts is made by `npm run build`. CommonJS, because Node starts that some milliseconds sooner.
'use strict'
const { existsSync } = require('node:fs')
const { join } = require('node:path')

const built = join(__dirname, '../dist/coffer.cjs')
if (existsSync(built)) {
  require('node:module').enableCompileCache?.()
  require(built)
} else {
  process.stderr.write('Coffer is not built yet. In the folder of its package.json run:\n\n  npm install && npm run build\n')
  process.exitCode = 1
}
