/** Tampering, and what the proof says of it. */
import assert from 'node:assert/strict'
import { appendFileSync, createReadStream, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { auditSigner, Chain, hashLine, type AuditSigner } from './chain.ts'
import { anywhere, deviceRecord, entryOf, inFolder, newKeys, testHost, type Keys } from './testing.ts'
import { AuditBroker } from './broker.ts'
import { describeReport, verifyAudit, type AuditReport } from './verify.ts'

const keys = newKeys()
const signer = auditSigner(keys.privateKey)
const time = Date.UTC(2026, 0, 2, 3, 4, 5)
const facts = { time, size: null, missed: 0 }

interface Shape {
  readonly id?: string
  /** Entries between two checkpoints. */
  readonly every?: number
  readonly entries?: number
  readonly isEnded?: boolean
  readonly by?: AuditSigner | null
}

/** The lines of one chain: a start, entries, a checkpoint after every few, an end. */
function chainLines({ id = 'w1', every = 4, entries = 10, isEnded = true, by = signer }: Shape = {}): string[] {
  const chain = new Chain({ id, prefix: '', signer: by, everyLines: every })
  const lines = [chain.start(facts, { previous: [], torn: [] })]
  for (let i = 0; i < entries; i++) {
    lines.push(chain.line(`{"time":"x","type":"request","request":{"path":"${id}/${i}"}`))
    if (chain.isCheckpointDue) lines.push(chain.checkpoint('interval', facts))
  }
  if (isEnded) lines.push(chain.checkpoint('end', facts))
  return lines
}

async function* chunksOf(text: string, size = 100): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const verify = (lines: readonly string[], publicKeys = [keys.publicKey], chunk?: number): Promise<AuditReport> => verifyAudit(chunksOf(lines.join(''), chunk), { publicKeys })
const first = (report: AuditReport): readonly [number | undefined, string | undefined] => [report.findings[0]?.line, report.findings[0]?.kind]

test('an untouched log is intact, and every line of it is proven', async () => {
  for (const chunk of [1, 7, 100, 100_000]) {
    const report = await verify(chainLines(), [keys.publicKey], chunk)
    assert.deepEqual(report.findings, [])
    assert.deepEqual(report.unproven, [])
    assert.ok(report.isIntact && report.isSigned)
    assert.deepEqual([report.lines, report.chains, report.checkpoints], [14, 1, 4])
  }
  assert.match(describeReport(await verify(chainLines()))[0] ?? '', /^intact: 14 lines/)
})

test('an empty log is intact', async () => {
  assert.deepEqual((await verify([])).findings, [])
})

const isEntry = (line: string | undefined): boolean => line !== undefined && !line.includes('"type":"checkpoint"')

test('a changed byte in any line is found in that line', async () => {
  const lines = chainLines()
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? ''
    for (let at = 0; at < line.length - 1; at += 3) {
      const changed = `${line.slice(0, at)}${line[at] === '~' ? '!' : '~'}${line.slice(at + 1)}`
      const report = await verify(lines.with(i, changed), [keys.publicKey], 100_000)
      assert.equal(report.isIntact, false)
      const finding = report.findings[0]
      // The first line of a chain proves its name; without it, the chain seems to lack its beginning.
      const isExact = finding?.line === i + 1 || (i === 0 && finding?.line === 2) || (finding?.line === i && finding.text.includes(`line ${i + 1} after it`))
      assert.ok(isExact, `line ${i + 1}, byte ${at}: ${JSON.stringify(report.findings)} ${changed}`)
    }
  }
})

test('a removed line is found where it is missing', async () => {
  const lines = chainLines()
  for (let i = 0; i < lines.length - 1; i++) {
    const report = await verify(lines.toSpliced(i, 1))
    assert.equal(report.findings[0]?.line, i + 1, JSON.stringify(report.findings))
    assert.equal(report.findings[0]?.kind, 'removed', JSON.stringify(report.findings))
  }
  const several = await verify(lines.toSpliced(5, 3))
  assert.match(several.findings[0]?.text ?? '', /3 lines were removed between line 5 and line 6/)
})

test('two lines that changed places are found at the first of them', async () => {
  const lines = chainLines()
  for (const [i, j] of [[1, 2], [3, 8], [4, 5], [5, 6], [2, 12]] as const) {
    const report = await verify(lines.with(i, lines[j] ?? '').with(j, lines[i] ?? ''))
    assert.deepEqual(first(report), [i + 1, 'reordered'], `${i} ${j} ${JSON.stringify(report.findings)}`)
  }
})

test('an added line is found: foreign text, a copy, and a forged line of the chain', async () => {
  const lines = chainLines()
  for (const foreign of ['{"time":"x","type":"request"}\n', 'hello\n', '{}\n']) {
    for (let i = 1; i < lines.length; i++) assert.deepEqual(first(await verify(lines.toSpliced(i, 0, foreign))), [i + 1, 'added'])
  }
  for (let i = 1; i < lines.length; i++) assert.deepEqual(first(await verify(lines.toSpliced(i, 0, lines[i - 1] ?? ''))), [i + 1, 'added'])
  const forged = `{"time":"x","type":"request","chain":{"id":"w1","seq":3,"prev":"${hashLine((lines[2] ?? '').trimEnd())}"}}\n`
  assert.equal(first(await verify(lines.toSpliced(3, 0, forged)))[0], 4)
})

test('a line behind the signed end of its chain is found, however well it fits', async () => {
  const lines = chainLines()
  const seq = lines.length
  const forged = `{"time":"x","type":"request","chain":{"id":"w1","seq":${seq},"prev":"${hashLine((lines.at(-1) ?? '').trimEnd())}"}}\n`
  assert.deepEqual(first(await verify([...lines, forged])), [seq + 1, 'added'])
})

/** Everything after the change is hashed anew, as somebody would who knows how this works; signatures stay. */
function forge(lines: readonly string[], index: number, change: (line: string) => string): string[] {
  const forged = [...lines]
  forged[index] = change(forged[index] ?? '')
  for (let i = index + 1; i < forged.length; i++) {
    forged[i] = (forged[i] ?? '').replace(/"prev":"[0-9a-f]*"/, `"prev":"${hashLine((forged[i - 1] ?? '').trimEnd())}"`)
  }
  return forged
}

test('hashes that were computed anew do not hide a change: the next checkpoint names the lines among which it is', async () => {
  const lines = chainLines()
  const forged = forge(lines, 7, (line) => line.replace('w1/', 'XX/'))
  const report = await verify(forged)
  assert.equal(report.isIntact, false)
  const [finding] = report.findings
  assert.ok(finding !== undefined && finding.line >= 8 && finding.line <= 11, JSON.stringify(report.findings))
  const kept = lines.map((line, i) => (isEntry(line) ? (forged[i] ?? '') : line))
  const [other] = (await verify(kept)).findings
  assert.deepEqual([other?.since, other?.line, other?.kind], [6, 10, 'changed'])
})

test('a forger cannot sign: checkpoints with other keys, without signature, or with a signature from elsewhere are refused', async () => {
  const stranger = auditSigner(newKeys().privateKey)
  assert.deepEqual(first(await verify(chainLines({ by: stranger }))), [1, 'unknown key'])
  assert.deepEqual(first(await verify(chainLines({ by: { ...stranger, keyId: signer.keyId } }))), [1, 'changed'])
  assert.deepEqual(first(await verify(chainLines({ by: null }))), [1, 'changed'])
  const lines = chainLines()
  const signature = /"signature":"[^"]*"/
  const swapped = (lines[5] ?? '').replace(signature, signature.exec(lines[0] ?? '')?.[0] ?? '')
  assert.deepEqual(first(await verify(lines.with(5, swapped))), [6, 'changed'])
})

test('removing all checkpoints of a long chain is noticed', async () => {
  const lines = chainLines({ entries: 3000, every: 4 })
  const kept = forge(lines.filter((line, i) => i === 0 || isEntry(line)), 0, (line) => line).map((line, i) => line.replace(/"seq":\d+/, `"seq":${i}`))
  const rehashed = forge(kept, 0, (line) => line)
  const report = await verify(rehashed)
  assert.match(report.findings[0]?.text ?? '', /checkpoints were removed/)
})

test('what follows the last checkpoint is said to be unproven', async () => {
  const lines = chainLines({ entries: 6, isEnded: false })
  const report = await verify(lines)
  assert.ok(report.isIntact)
  assert.deepEqual(report.unproven.map(({ from, to }) => [from, to]), [[7, 8]])
  assert.match(report.unproven[0]?.text ?? '', /may have been changed, and lines may have been added or cut off/)
  const upToCheckpoint = await verify(lines.slice(0, 6))
  assert.deepEqual(upToCheckpoint.unproven.map(({ from, to }) => [from, to]), [[6, 6]])
  assert.match(upToCheckpoint.unproven[0]?.text ?? '', /may have been cut off/)
})

test('a log that was cut off in the middle of a line is not called proven', async () => {
  const text = chainLines().join('')
  for (const length of [text.length - 2, text.length - 10, text.length - 300, 700]) {
    const report = await verifyAudit(chunksOf(text.slice(0, length)), { publicKeys: [keys.publicKey] })
    assert.ok(report.unproven.length > 0 || !report.isIntact, String(length))
  }
})

test('without a public key the report says what that means', async () => {
  const report = await verify(chainLines(), [])
  assert.ok(report.isIntact && !report.isSigned)
  assert.match(report.notes.join(), /no public key/)
  assert.match(describeReport(report)[0] ?? '', /signatures were not checked/)
  assert.equal((await verify(chainLines().toSpliced(4, 1), [])).isIntact, false)
})

test('two writers share a log: each chain is proven, and a change is found in its own line', async () => {
  const [a, b] = [chainLines({ id: 'a' }), chainLines({ id: 'b' })]
  const mixed = a.flatMap((line, i) => [line, b[i] ?? ''])
  assert.deepEqual((await verify(mixed)).findings, [])
  for (const i of [2, 3, 8, 9]) {
    assert.deepEqual(first(await verify(mixed.with(i, (mixed[i] ?? '').replace('"path":"', '"path":"x')))), [i + 1, 'changed'])
    assert.equal(first(await verify(mixed.toSpliced(i, 1)))[1], 'removed')
  }
})

test('a whole chain that was removed shows in the start of the next, and in the size of the file', async () => {
  const old = chainLines({ id: 'old' })
  const size = old.join('').length
  const chain = new Chain({ id: 'new', prefix: '', signer, everyLines: 100 })
  const previous = [{ id: 'old', seq: 13, hash: hashLine((old[13] ?? '').trimEnd()) }]
  const lines = [chain.start({ ...facts, size }, { previous, torn: [] }), chain.checkpoint('end', { ...facts, size: size + 100 })]
  assert.deepEqual((await verify([...old, ...lines])).findings, [])
  const gone = await verify(lines)
  assert.deepEqual(first(gone), [1, 'removed'])
  assert.match(gone.notes.join(), /continues chain old/)
  assert.deepEqual(first(await verify([...old.slice(0, 10), ...lines])), [11, 'removed'])
  const sizeless = new Chain({ id: 'new', prefix: '', signer, everyLines: 100 })
  const start = sizeless.start(facts, { previous, torn: [] })
  assert.match((await verify([...old.slice(0, 10), start])).findings[0]?.text ?? '', /4 lines were removed between line 10 and line 11/)
  const changedLast = (old[13] ?? '').replace(/"signature":"./, '"signature":"_')
  assert.equal((await verify([...old.slice(0, 13), changedLast, ...lines])).isIntact, false)
})

test('a crash leaves a chain without end, and the start of the next proves it up to its last line', async () => {
  const old = chainLines({ id: 'old', entries: 7, isEnded: false })
  const chain = new Chain({ id: 'new', prefix: '', signer, everyLines: 100 })
  const previous = [{ id: 'old', seq: old.length - 1, hash: hashLine((old.at(-1) ?? '').trimEnd()) }]
  const lines = [...old, chain.start(facts, { previous, torn: [] }), chain.checkpoint('end', facts)]
  const report = await verify(lines)
  assert.ok(report.isIntact)
  assert.deepEqual(report.unproven.map(({ from, to }) => [from, to]), [[9, 9]])
  assert.equal((await verify(lines.with(8, (lines[8] ?? '').replace('old/6', 'old/X')))).findings[0]?.line, 9)
})

test('a piece of a line is accepted only where its writer owns up to it', async () => {
  const lines = chainLines({ entries: 3, isEnded: false })
  const piece = '{"time":"x","type":"req'
  const chain = new Chain({ id: 'w1b', prefix: '', signer, everyLines: 100 })
  const torn = [{ bytes: piece.length, hash: hashLine(piece) }]
  const rest = [chain.start(facts, { previous: [], torn }), chain.checkpoint('end', facts)]
  assert.deepEqual((await verify([...lines, `${piece}\n`, ...rest])).findings, [])
  assert.deepEqual(first(await verify([...lines, `${piece}X\n`, ...rest])), [5, 'added'])
  // Another process wrote right behind the piece.
  const other = chainLines({ id: 'other', entries: 2 })
  const glued = [...lines, ...other.slice(0, 1), `${piece}${other[1]}`, ...other.slice(2), ...rest]
  assert.deepEqual((await verify(glued)).findings, [])
  assert.equal((await verify(glued.with(5, `X${glued[5]}`))).isIntact, false)
})

test('lines that are older than all chains are said to be unproven', async () => {
  const vault = ['{"time":"x","type":"request"}\n', '{"time":"x","type":"response"}\n']
  const chain = new Chain({ id: 'w', prefix: '', signer, everyLines: 100 })
  const lines = [chain.start({ ...facts, size: vault.join('').length }, { previous: [], torn: [] }), chain.checkpoint('end', facts)]
  const report = await verify([...vault, ...lines])
  assert.ok(report.isIntact)
  assert.deepEqual(report.unproven, [{ from: 1, to: 2, text: 'older than the chains in this log: nothing vouches for it' }])
  assert.equal((await verify(vault.slice(1).concat(lines))).findings[0]?.kind, 'removed')
})

test('a prefix is part of the proof', async () => {
  const chain = new Chain({ id: 'w', prefix: '@cee:', signer, everyLines: 100 })
  const lines = [chain.start(facts, { previous: [], torn: [] }), chain.line('{"time":"x","type":"request"'), chain.checkpoint('end', facts)]
  assert.deepEqual((await verify(lines)).findings, [])
  assert.deepEqual(first(await verify(lines.map((line, i) => (i === 1 ? line.replace('@cee:', '') : line)))), [2, 'changed'])
})

test('lines that a syslog daemon wrapped are proven when asked for', async () => {
  const wrapped = chainLines().map((line, i) => `Jan  2 03:04:0${i % 10} host vault[${i}]: ${line}`)
  const options = { publicKeys: [keys.publicKey], isWrapped: true }
  assert.deepEqual((await verifyAudit(chunksOf(wrapped.join('')), options)).findings, [])
  assert.equal((await verifyAudit(chunksOf(wrapped.toSpliced(4, 1).join('')), options)).findings[0]?.line, 5)
})

test('no bytes make the proof fail in any other way than by a report', async () => {
  const lines = chainLines()
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(fc.constantFrom(...lines), fc.string(), fc.uint8Array({ maxLength: 50 })), { maxLength: 20 }), async (pieces) => {
      const bytes = Buffer.concat(pieces.map((piece) => Buffer.from(piece)))
      const report = await verifyAudit((async function* () { yield bytes })(), { publicKeys: [keys.publicKey] })
      assert.ok(report.lines >= 0)
      describeReport(report)
    }),
    { numRuns: 500, seed: 3 },
  )
})

/** A log as the server writes it: two workers, three runs, the second of which ends without a word. */
async function realLog(path: string, { privateKey }: Keys): Promise<void> {
  const record = deviceRecord({ file_path: path })
  for (let run = 0; run < 3; run++) {
    const workers = [1, 2].map(() => new AuditBroker({ host: testHost(), limits: anywhere, checkpoints: { lines: 5, ms: 60_000 } }))
    for (const worker of workers) await worker.configure({ devices: [record], headers: new Map(), signingKey: privateKey })
    for (let i = 0; i < 12; i++) await Promise.all(workers.map((worker, w) => worker.write(entryOf(`run-${run}/worker-${w}/${i}`))))
    const copy = readFileSync(path)
    for (const worker of workers) await worker.close()
    if (run === 1) writeFileSync(path, copy)
  }
}

test('what two workers write over several runs, one of which was killed, is intact; and any single change of it is found', async () => {
  await inFolder(async (folder) => {
    const path = join(folder, 'audit.log')
    await realLog(path, keys)
    const options = { publicKeys: [keys.publicKey] }
    const report = await verifyAudit(createReadStream(path), options)
    assert.deepEqual(report.findings, [])
    assert.equal(report.unproven.length, 2)
    for (const { from, to, text } of report.unproven) assert.ok(from === to && text.includes('does not say that it ends'))
    assert.equal(report.chains, 6)
    const lines = readFileSync(path, 'utf8').split(/(?<=\n)/)
    for (let i = 0; i < lines.length; i++) {
      const line = lines[i] ?? ''
      const changed = await verify(lines.with(i, `${line.slice(0, 20)}${line[20] === '1' ? '2' : '1'}${line.slice(21)}`), [keys.publicKey], 100_000)
      assert.equal(changed.isIntact, false, `changed line ${i + 1}`)
      const removed = await verify(lines.toSpliced(i, 1), [keys.publicKey], 100_000)
      const isLastEnd = i >= lines.length - 2
      assert.ok(!removed.isIntact || (isLastEnd && removed.unproven.length > 0), `removed line ${i + 1}`)
    }
    appendFileSync(path, 'x\n')
    assert.equal((await verifyAudit(createReadStream(path), options)).findings[0]?.line, lines.length + 1)
  })
})
