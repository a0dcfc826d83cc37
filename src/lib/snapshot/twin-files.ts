import type {Entry} from './manifest.js';

type FileEntry = Extract<Entry, {readonly kind: 'file'}>;

/** Every release that is linked from this one adds as many names again, and ext4 ends at 65,000 for one file. */
const mostNames = 256;

/** Files of one delta that have the same bytes and mode: the host makes one of them and links the others. */
export class TwinFiles {
  readonly #made = new Map<string, {readonly path: string; names: number}>();

  /** The path of a file that was made and is the same; undefined where there is none, or it has names enough. */
  find({mode, digest}: FileEntry): string | undefined {
    const made = this.#made.get(`${mode} ${digest}`);
    if (made === undefined || made.names === mostNames) return undefined;
    made.names += 1;
    return made.path;
  }

  /** A file that travels whole; twins that follow may be linked to it. */
  make({path, mode, digest}: FileEntry): void {
    this.#made.set(`${mode} ${digest}`, {path, names: 1});
  }
}
