import {mkdir, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import type {Finished} from './finished.js';
import {type Rig, startRig} from './rig.js';

const program = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

export const web = ['web1', 'web2', 'web3', 'web4'];
/** Pages of the content. */
export const files = Array.from({length: 60}, (_, index) => `d${index % 12}/page-${index}.html`);

/** Four hosts with real sshd, two of which are odd, and a project of sixty pages for one root of theirs. */
export class ContentRig {
  private constructor(
    readonly rig: Rig,
    readonly project: string,
  ) {}

  static async start(link: string, root: string): Promise<ContentRig> {
    const rig = await startRig({
      hosts: web.length,
      perHost: {web2: {shell: 'fish', rcNoise: true}, web3: {shell: 'sh', userland: 'busybox'}},
    });
    const content = new ContentRig(rig, path.join(rig.dir, 'project'));
    for (const file of files) {
      await mkdir(path.dirname(content.at('content', file)), {recursive: true});
      await writeFile(content.at('content', file), `page ${file}\n`);
    }
    await writeFile(content.at('inventory.yml'), rig.inventoryYaml({link}));
    for (const host of web) await content.inside(host, `install -d -o deploy ${root} || { mkdir -p ${root}; chown deploy ${root}; }`);
    return content;
  }

  /** Below the project. */
  at(...parts: readonly string[]): string {
    return path.join(this.project, ...parts);
  }

  configure(apps: string): Promise<void> {
    return writeFile(this.at('drover.yml'), `inventory: inventory.yml\napps:\n  ${apps}\n`);
  }

  drover(...words: readonly string[]): Promise<Finished> {
    return this.rig.operator.exec([process.execPath, program, ...words], {cwd: this.project, timeoutMs: 180_000});
  }

  /** What a script says on a host. */
  async inside(host: string, script: string): Promise<string> {
    return (await this.rig.exec(host, ['/usr/bin/dash', '-c', script])).stdout.trim();
  }
}
