/** C0, DEL and C1: they would break the line format, or the terminal of whoever reads it. */
const control = /\p{Cc}/u;
/** A lone surrogate has no UTF-8 form. */
const surrogate = /\p{Cs}/u;

/** Nearly every name: nothing is wrong with it but perhaps the length of the path that it ends. */
const plain = /^[ -~]{3,80}$/;

export const pathLimitBytes = 4096;
export const componentLimitBytes = 255;

function exceeds(text: string, limitBytes: number): boolean {
  return text.length * 3 > limitBytes && Buffer.byteLength(text) > limitBytes;
}

function explainText(text: string): string | undefined {
  if (text === '') return 'is empty';
  if (control.test(text)) return 'contains a control character';
  if (surrogate.test(text)) return 'is not valid UTF-8';
  return undefined;
}

function explainLength(path: string): string | undefined {
  return exceeds(path, pathLimitBytes) ? `is longer than ${pathLimitBytes} bytes` : undefined;
}

/** Why a name cannot be part of a path of a manifest, as the end of a sentence about it; undefined when it can. */
export function explainComponent(name: string, path: string): string | undefined {
  if (plain.test(name)) return explainLength(path);
  if (name === '.' || name === '..') return `has a "${name}" component`;
  if (exceeds(name, componentLimitBytes)) return `has a component of more than ${componentLimitBytes} bytes`;
  return explainText(name) ?? explainLength(path);
}

/** As `explainComponent`, for each component of a path. */
export function explainPath(path: string): string | undefined {
  if (path.startsWith('/')) return 'is absolute';
  for (const name of path.split('/')) {
    const why = explainComponent(name, path);
    if (why !== undefined) return why === 'is empty' && path !== '' ? 'has an empty component' : why;
  }
  return undefined;
}

/** Why the target of a link cannot be written in a manifest; where it leads is judged by `followLink`. */
export function explainTarget(target: string): string | undefined {
  if (target.startsWith('/')) return 'is absolute';
  return explainText(target) ?? explainLength(target);
}
