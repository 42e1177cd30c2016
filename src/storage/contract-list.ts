/** The part of the contract suite that concerns `list`. */
import assert from 'node:assert/strict'
import type { Store } from '../kit/store.ts'
import { bytes, type Requirement } from './contract-parts.ts'

const put = (store: Store, keys: readonly string[]): Promise<number> =>
  store.commit([], keys.map((key) => ({ put: key, value: bytes('1') })))

export function listContract(requirement: Requirement): void {
  orderContract(requirement)
  pageContract(requirement)
  folderContract(requirement)
}

function orderContract(requirement: Requirement): void {
  requirement('names are in the order of their UTF-8 bytes, also beyond U+FFFF', async (store) => {
    const ascii = ['\0', '\x01', ' ', '!', '0', 'A', 'Z', 'a', 'a\0', 'aa', 'b', 'z', '~', '\x7f']
    const names = [...ascii, 'ä', 'ﬀ', '\ud7ff', '\ue000', '\uffff', '😀', '\u{10ffff}']
    await put(store, [...names].reverse().map((name) => `order/${name}`))
    const sorted = [...names].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
    assert.deepEqual(await store.list('order/'), sorted)
    assert.deepEqual(await store.list('order/', { reverse: true }), [...sorted].reverse())
    for (const [index, after] of sorted.entries()) {
      assert.deepEqual(await store.list('order/', { after }), sorted.slice(index + 1))
      assert.deepEqual(await store.list('order/', { after, reverse: true }), sorted.slice(0, index).reverse())
    }
  })

  requirement('only immediate children are listed; a folder ends in "/" and stands beside a key of its name', async (store) => {
    await put(store, ['a', 'a/b', 'a/c/d', 'a/c/e', 'a-b', 'a0', 'ab/x', 'b/y/z'])
    assert.deepEqual(await store.list(''), ['a', 'a-b', 'a/', 'a0', 'ab/', 'b/'])
    assert.deepEqual(await store.list('', { reverse: true }), ['b/', 'ab/', 'a0', 'a/', 'a-b', 'a'])
    assert.deepEqual(await store.list('a/'), ['b', 'c/'])
    assert.deepEqual(await store.list('a/c/'), ['d', 'e'])
    assert.deepEqual(await store.list('b/'), ['y/'])
    assert.deepEqual(await store.list('ab/x/'), [])
    assert.deepEqual(await store.list('absent/'), [])
  })

  requirement('empty folder names are names', async (store) => {
    await put(store, ['a//b', 'a/c', '/d', '//e'])
    assert.deepEqual(await store.list(''), ['/', 'a/'])
    assert.deepEqual(await store.list('/'), ['/', 'd'])
    assert.deepEqual(await store.list('a/'), ['/', 'c'])
    assert.deepEqual(await store.list('a//'), ['b'])
  })

  requirement('a folder disappears with its last key', async (store) => {
    await put(store, ['f/a/b', 'f/a/c', 'f/x'])
    await store.commit([], [{ del: 'f/a/b' }])
    assert.deepEqual(await store.list('f/'), ['a/', 'x'])
    await store.commit([], [{ del: 'f/a/c' }])
    assert.deepEqual(await store.list('f/'), ['x'])
  })
}

function pageContract(requirement: Requirement): void {
  requirement('pages follow each other without gap or repetition, in both directions', async (store) => {
    const names = Array.from({ length: 103 }, (_, index) => `n${String(index).padStart(3, '0')}${index % 5 === 0 ? '/' : ''}`)
    await put(store, names.flatMap((name) => (name.endsWith('/') ? [`p/${name}x`, `p/${name}y/z`] : [`p/${name}`])))
    for (const reverse of [false, true]) {
      const all = reverse ? [...names].reverse() : names
      for (const limit of [1, 7, 103, 500]) assert.deepEqual(await readPages(store, 'p/', limit, reverse), all)
    }
    assert.deepEqual(await store.list('p/', { limit: 0 }), [])
  })

  requirement('a page may start after a name that does not exist', async (store) => {
    await put(store, ['b', 'd/x', 'f'])
    assert.deepEqual(await store.list('', { after: 'a' }), ['b', 'd/', 'f'])
    assert.deepEqual(await store.list('', { after: 'c' }), ['d/', 'f'])
    assert.deepEqual(await store.list('', { after: 'd' }), ['d/', 'f'])
    assert.deepEqual(await store.list('', { after: 'd/' }), ['f'])
    assert.deepEqual(await store.list('', { after: 'd/a' }), ['f'])
    assert.deepEqual(await store.list('', { after: 'z' }), [])
    assert.deepEqual(await store.list('', { after: '' }), ['b', 'd/', 'f'])
    assert.deepEqual(await store.list('', { after: 'e', reverse: true }), ['d/', 'b'])
    assert.deepEqual(await store.list('', { after: 'd/a', reverse: true }), ['d/', 'b'])
    assert.deepEqual(await store.list('', { after: 'd/', reverse: true }), ['b'])
    assert.deepEqual(await store.list('', { after: 'd', reverse: true }), ['b'])
    assert.deepEqual(await store.list('', { after: 'a', reverse: true }), [])
    assert.deepEqual(await store.list('', { after: '', reverse: true }), [])
    assert.deepEqual(await store.list('', { after: 'a', limit: 2 }), ['b', 'd/'])
  })

  requirement('a prefix that is not a folder, or a limit that is no number, is refused', async (store) => {
    await put(store, ['ab/c'])
    await assert.rejects(store.list('ab'), { code: 'bad_request' })
    await assert.rejects(store.list('', { limit: -1 }), { code: 'bad_request' })
    await assert.rejects(store.list('', { limit: Number.NaN }), { code: 'bad_request' })
    await assert.rejects(store.list('', { after: '\udc00' }), { code: 'bad_request' })
  })
}

async function readPages(store: Store, prefix: string, limit: number, reverse: boolean): Promise<string[]> {
  const names: string[] = []
  for (;;) {
    const after = names.at(-1)
    const page = await store.list(prefix, after === undefined ? { limit, reverse } : { limit, reverse, after })
    assert.ok(page.length <= limit)
    if (page.length === 0) return names
    names.push(...page)
    assert.ok(names.length <= 1_000, 'the pages do not end')
  }
}

function folderContract(requirement: Requirement): void {
  requirement('a folder of many keys is one name among its neighbours', async (store) => {
    const inner = Array.from({ length: 300 }, (_, index) => `wide/${index}/leaf`)
    await put(store, ['alpha', ...inner, 'wide', 'wide-open', 'wide0', 'zeta/a'])
    assert.deepEqual(await store.list(''), ['alpha', 'wide', 'wide-open', 'wide/', 'wide0', 'zeta/'])
    assert.deepEqual(await store.list('', { reverse: true }), ['zeta/', 'wide0', 'wide/', 'wide-open', 'wide', 'alpha'])
    assert.equal((await store.list('wide/')).length, 300)
    assert.deepEqual(await store.list('', { after: 'wide/', limit: 1 }), ['wide0'])
  })
}
