import {Args} from '@oclif/core';
import type {Answer} from '../lib/cli/answer.js';
import {BaseCommand} from '../lib/cli/base-command.js';
import {conductRun} from '../lib/cli/conduct-run.js';
import {chooseApp, chooseHosts, loadBoth} from '../lib/cli/load-project.js';
import {fanOutFlags, projectFlags, recordFlags, selectionFlags} from '../lib/cli/shared-flags.js';
import {warmFlags, warmOverrides} from '../lib/cli/warm-flags.js';
import {warmApp} from '../lib/operations/warm-release.js';

export default class Warm extends BaseCommand {
  static override summary = 'Fill the caches of hosts, on the hosts themselves';
  static override description =
    `Every host asks itself for every URL, straight to its own port with the public Host header, within a rate that protects the origin; first
cold, then until it is warm. Hosts without curl are asked through the SSH connection. Reports cold against warm latency, and hits where the
cache says so.

Exit status: 0 warm; 6 none could be reached; 8 some are not warm by the deadline.`;
  static override examples = [
    'drover warm content --all',
    'drover warm content --silo eu --urls top-500.txt --rate 50/s',
    'drover warm content --all --until "hit >= 98%" --deadline 2m',
  ];
  static override args = {app: Args.string({description: 'the app; may be left out when the project has one'})};
  static override flags = {...projectFlags, ...selectionFlags, ...fanOutFlags, ...recordFlags, ...warmFlags};

  protected async execute(): Promise<Answer> {
    const {args, flags} = await this.parse(Warm);
    const {project, inventory} = await loadBoth(flags, this.env, AbortSignal.timeout(60_000));
    const app = warmOverrides(chooseApp(project, args.app), flags);
    const hosts = chooseHosts(inventory, flags, app);
    return conductRun({command: 'warm', project, inventory, flags, env: this.env, work: ({world}) => warmApp(world, {app, hosts})});
  }
}
