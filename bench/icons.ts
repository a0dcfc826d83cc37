import {execFileSync} from 'node:child_process';
import {existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync} from 'node:fs';
import path from 'node:path';
import {projectRoot} from './bench-report.js';

const packageName = '@mui/icons-material@7.3.5';

/** A published package of 43,103 small files, as a folder; fetched once by npm and kept. */
export function fetchIcons(): string {
  const target = path.join(projectRoot, '.rig', 'content', 'icons-7.3.5-all');
  if (existsSync(target)) return target;
  mkdirSync(path.dirname(target), {recursive: true});
  const work = mkdtempSync(path.join(path.dirname(target), 'work-'));
  try {
    execFileSync('npm', ['pack', '--silent', packageName, '--pack-destination', work], {cwd: work, stdio: ['ignore', 'ignore', 'inherit']});
    const [archive = ''] = readdirSync(work).filter((name) => name.endsWith('.tgz'));
    execFileSync('tar', ['xzf', archive], {cwd: work});
    renameSync(path.join(work, 'package'), target);
    return target;
  } finally {
    rmSync(work, {recursive: true, force: true});
  }
}
