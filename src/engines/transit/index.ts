/** Transit: encryption, signatures and HMACs as a service, with keys that do not leave. */
import { engine } from '../../kit/engine.ts'
import { deriveKeyOperation } from './agree.ts'
import { autoRotation } from './auto-rotate.ts'
import { backup, restore } from './backup.ts'
import { createRequest, setCertificate } from './certificates.ts'
import { readCache, readConfig, writeCache, writeConfig } from './config.ts'
import { dataKey } from './datakey.ts'
import { decrypt, rewrap } from './decrypt.ts'
import { encrypt } from './encrypt.ts'
import { exporting, exportingWrapped } from './export.ts'
import { hmac } from './hmac.ts'
import { importKey, importVersion } from './import.ts'
import { configureKey, deleteKey, listKeys, readKeyOperation, restoreSoftDeleted, rotateKey, softDeleteKey, trimKey, writeKeyOperation } from './keys.ts'
import { sign, verify } from './sign.ts'
import { hash, random } from './tools.ts'
import { readWrappingKey } from './transport.ts'

export const transit = engine({
  type: 'transit',
  kind: 'secret',
  summary: 'Encrypts, signs and computes HMACs with keys that do not leave it.',
  operations: [
    writeKeyOperation, readKeyOperation, listKeys, deleteKey, configureKey, rotateKey, trimKey, softDeleteKey, restoreSoftDeleted,
    encrypt, decrypt, rewrap, dataKey, ...sign, ...verify, ...hmac, ...hash, ...random,
    readWrappingKey, importKey, importVersion, ...exporting, ...exportingWrapped, deriveKeyOperation, createRequest, setCertificate, backup, ...restore,
    readConfig, writeConfig, readCache, writeCache,
  ],
  chores: [autoRotation],
})
