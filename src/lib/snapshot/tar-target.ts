import fs from 'node:fs';
import type {Header} from 'tar-stream';
import {readErrorCode} from './error-code.js';
import {followLink, type Place} from './link-target.js';
import {explainPath, explainTarget, pathLimitBytes} from './path-grammar.js';
import {SourceWarnings} from './source-problems.js';
import {refuseTar} from './tar-problem.js';

const createFlags = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL | fs.constants.O_NOFOLLOW;

interface TarTargetOptions {
  /** An empty directory. */
  readonly into: string;
  /** Begins the messages. */
  readonly name: string;
  readonly below: string | undefined;
  /** Links that would lead out of the tree are left out, with a warning. */
  readonly leaveOutLinks: boolean;
}

/** A directory that takes the entries of an archive, one after another, each path once. */
export class TarTarget {
  readonly warnings = new SourceWarnings();
  readonly #into: string;
  readonly #name: string;
  readonly #below: string | undefined;
  readonly #kinds = new Map<string, 'file' | 'directory' | 'link'>();
  /** Folders that have an entry of their own. */
  readonly #modes = new Map<string, number>();
  readonly #links = new Map<string, string>();
  readonly #leaveOutLinks: boolean;

  constructor({into, name, below, leaveOutLinks}: TarTargetOptions) {
    this.#into = into;
    this.#name = name;
    this.#below = below;
    this.#leaveOutLinks = leaveOutLinks;
  }

  async take({name, type, linkname, mode, size}: Header, content: AsyncIterable<Uint8Array>): Promise<void> {
    const path = this.#place(name, type);
    if (path === undefined) {
      for await (const piece of content) void piece;
      return;
    }
    if ((mode & 0o6000) !== 0) this.warnings.add(`the set-id bits of "${path}" (mode ${mode.toString(8).padStart(4, '0')}) are dropped`);
    this.#makeParents(path);
    if (type === 'directory') this.#takeFolder(path, mode & 0o777);
    else if (type === 'symlink') this.#takeLink(path, linkname);
    else if (type === 'file') await this.#takeFile(path, mode & 0o777, size, content);
    else throw this.#refuse(path, `is of the kind ${JSON.stringify(type)}`);
  }

  /** Links come last, then the modes of folders: nothing is written below a folder that is closed, or through a link. */
  finish(): void {
    if (this.#leaveOutLinks) this.#dropLinks();
    for (const [path, target] of this.#links) this.#guard(path, () => fs.symlinkSync(target, `${this.#into}/${path}`));
    for (const [path, kind] of this.#kinds) {
      if (kind === 'directory') fs.chmodSync(`${this.#into}/${path}`, (this.#modes.get(path) ?? 0o555) | 0o200);
    }
  }

  /** The path in the tree; undefined for the top itself, and for what is not asked for. */
  #place(name: string, type: string): string | undefined {
    let path = name.replace(/^(?:\.\/)+/, '');
    if (type === 'directory') path = path.replace(/\/$/, '');
    if (path === '.' || path === '') {
      if (type === 'directory') return undefined;
      throw this.#refuse(name, 'has no name');
    }
    const why = explainPath(path);
    if (why !== undefined) throw this.#refuse(name, why);
    if (this.#below === undefined) return path;
    return path.startsWith(`${this.#below}/`) ? path.slice(this.#below.length + 1) : undefined;
  }

  #makeParents(path: string): void {
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      const parent = path.slice(0, slash);
      const kind = this.#kinds.get(parent);
      if (kind === undefined) this.#makeFolder(parent);
      else if (kind !== 'directory') throw this.#refuse(path, `lies below "${parent}", which is a ${kind}`);
    }
  }

  #makeFolder(path: string): void {
    this.#kinds.set(path, 'directory');
    this.#guard(path, () => fs.mkdirSync(`${this.#into}/${path}`, {mode: 0o700}));
  }

  #takeFolder(path: string, mode: number): void {
    if ((mode & 0o500) !== 0o500) throw this.#refuse(path, `has mode ${mode.toString(8).padStart(4, '0')}: its owner cannot list it`);
    const kind = this.#kinds.get(path);
    if (kind === undefined) this.#makeFolder(path);
    const earlier = this.#modes.get(path);
    if ((kind !== undefined && kind !== 'directory') || (earlier !== undefined && earlier !== mode)) throw this.#refuseTwice(path);
    this.#modes.set(path, mode);
  }

  #takeLink(path: string, target: string): void {
    this.#claim(path, 'link');
    const why = explainTarget(target);
    if (why === undefined) this.#links.set(path, target);
    else if (this.#leaveOutLinks) this.warnings.add(`the link "${path}" -> "${target}" is left out: its target ${why}`);
    else throw this.#refuse(path, `is a link whose target "${target}" ${why}`);
  }

  #dropLinks(): void {
    const look = (path: string): Place => {
      const target = this.#links.get(path);
      if (target !== undefined) return {kind: 'link', target};
      const kind = this.#kinds.get(path);
      return {kind: kind === undefined || kind === 'link' ? 'nothing' : kind};
    };
    const out = [...this.#links].filter(([path, target]) => followLink(path, target, look) === 'escapes');
    for (const [path, target] of out) {
      this.#links.delete(path);
      this.warnings.add(`the link "${path}" -> "${target}" is left out: it leads out of the tree`);
    }
  }

  async #takeFile(path: string, mode: number, size: number, content: AsyncIterable<Uint8Array>): Promise<void> {
    this.#claim(path, 'file');
    const descriptor = this.#guard(path, () => fs.openSync(`${this.#into}/${path}`, createFlags, 0o600));
    let written = 0;
    try {
      for await (const piece of content) {
        written += piece.length;
        for (let at = 0; at < piece.length; ) at += fs.writeSync(descriptor, piece, at);
      }
      fs.fchmodSync(descriptor, mode);
    } finally {
      fs.closeSync(descriptor);
    }
    if (written !== size) throw this.#refuse(path, `has ${written} bytes, its header says ${size}`);
  }

  #claim(path: string, kind: 'file' | 'link'): void {
    if (this.#kinds.has(path)) throw this.#refuseTwice(path);
    this.#kinds.set(path, kind);
  }

  #guard<Result>(path: string, make: () => Result): Result {
    try {
      return make();
    } catch (error) {
      const code = readErrorCode(error);
      if (code === 'EEXIST') throw this.#refuse(path, 'has the same name as another entry on this file system');
      if (code === 'ENAMETOOLONG')
        throw this.#refuse(path, `is longer than ${pathLimitBytes} bytes together with the folder it is unpacked in`);
      throw error;
    }
  }

  #refuseTwice(path: string): Error {
    return this.#refuse(path, 'is in it twice');
  }

  #refuse(path: string, what: string): Error {
    return refuseTar(this.#name, `holds "${path}", which ${what}`, 'leave it out of the archive');
  }
}
