import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {expect} from 'vitest';
import {DroverError, formatProblem} from '../../src/lib/errors/drover-error.js';
import type {Link} from '../../src/lib/host/link.js';
import {createLinkOpener} from '../../src/lib/host/open-link.js';
import type {Host} from '../../src/lib/inventory/host.js';
import {ask} from './link-contract.js';
import {patiently, plainEnv} from './some-host.js';

export const both = ['ssh', 'openssh'] as const;

/** A folder for files of tests that log in, and what becomes of their logins. */
export class LoginBench {
  private files = 0;

  private constructor(readonly folder: string) {}

  static async make(): Promise<LoginBench> {
    return new LoginBench(await mkdtemp(path.join(tmpdir(), 'drover-login-')));
  }

  async remove(): Promise<void> {
    await rm(this.folder, {recursive: true, force: true});
  }

  file(name: string): string {
    return path.join(this.folder, name);
  }

  /** A file of its own that holds `lines`. */
  async write(lines: string): Promise<string> {
    const file = this.file(`known-${++this.files}`);
    await writeFile(file, lines);
    return file;
  }

  /** What `use` makes of a link to the host, or the failure that opening it threw. */
  async attempt<T>(host: Host, use: (link: Link) => Promise<T>, env = plainEnv()): Promise<T | DroverError> {
    const opener = createLinkOpener({env, runtimeDirectory: this.folder});
    try {
      return await use(await opener.open(host, patiently));
    } catch (error) {
      if (error instanceof DroverError) return error;
      throw error;
    } finally {
      await opener.closeAll();
    }
  }

  /** Why a host does not open: one line, with the host first and a fix last. */
  async failure(host: Host, env = plainEnv()): Promise<DroverError> {
    const result = await this.attempt(host, async (link) => link.kind, env);
    if (!(result instanceof DroverError)) throw new Error(`${result} opened`);
    const text = formatProblem(result.problems[0]);
    expect(text).not.toMatch(/\n/);
    expect(text).toMatch(/^error\[[a-z-]+\]: web1: .*; /);
    return result;
  }

  /** `<link> in`, or what went wrong. */
  async opens(host: Host, env = plainEnv()): Promise<string> {
    const result = await this.attempt(host, async (link) => `${link.kind} ${(await ask(link, 'echo in')).stdout.toString().trim()}`, env);
    return result instanceof DroverError ? result.message : result;
  }
}
