/** Certificates for tests. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { requireProgram } from './servers.ts'

/** Files in PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** Makes a certificate for 127.0.0.1 that vouches for itself, for servers and for clients. Needs openssl. */
export function makeCertificate(folder: string, name: string): Certificate {
  const [cert, key] = [join(folder, `${name}-cert.pem`), join(folder, `${name}-key.pem`)]
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1']
  const made = ['-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-days', '2']
  const files = ['-keyout', key, '-out', cert]
  execFileSync(requireProgram('openssl'), ['req', '-x509', ...made, ...files, ...subject], { stdio: 'ignore' })
  return { cert, key }
}
