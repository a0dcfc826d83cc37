import {homedir, tmpdir} from 'node:os';
import path from 'node:path';

/** Where this operator's journals lie: $XDG_STATE_HOME/drover, by default ~/.local/state/drover. */
export function stateDirectory(env: NodeJS.ProcessEnv): string {
  const base = env.XDG_STATE_HOME;
  if (base !== undefined && path.isAbsolute(base)) return path.join(base, 'drover');
  return path.join(env.HOME ?? homedir(), '.local', 'state', 'drover');
}

/** Where control sockets may lie. Socket paths end at 104 bytes, so a long runtime directory is passed over. */
export function runtimeDirectory(env: NodeJS.ProcessEnv): string {
  const base = env.XDG_RUNTIME_DIR;
  return base !== undefined && path.isAbsolute(base) && base.length < 50 ? base : tmpdir().length < 50 ? tmpdir() : '/tmp';
}
