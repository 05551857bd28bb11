import path from 'node:path';
import { findOnPath } from '../../src/dev-server/executable-files';
import { temporalSearch } from '../support/temporal-binaries';
import { installedBin } from './postgresql';

/** What the cluster is made of and this machine lacks. */
export async function missingParts(): Promise<string[]> {
  const missing: string[] = [];
  if ((await installedBin()) === undefined) missing.push('PostgreSQL');
  const folders = `${temporalSearch().path}${path.delimiter}/usr/local/go/bin`;
  if ((await findOnPath('go', folders)) === undefined) missing.push('Go');
  return missing;
}
