/** The growth series fills real stores that a real server then serves, kind by kind. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { kinds } from './fill.ts'

test('whatever is filled in is found, listed, changed and added to by the server afterwards', () => {
  const args = [join(import.meta.dirname, 'growth.js'), '--sizes', '10,300', '--seconds', '0.3', '--json']
  const rows = execFileSync(process.execPath, args, { encoding: 'utf8' }).trim().split('\n').map((line) => JSON.parse(line) as { kind: string; size: number; operations: Record<string, number> })
  assert.deepEqual(rows.map(({ kind, size }) => `${kind} ${size}`), kinds.flatMap((kind) => [`${kind} 10`, `${kind} 300`]))
  for (const { operations } of rows) for (const milliseconds of Object.values(operations)) assert.ok(milliseconds > 0)
})
