import {Flags} from '@oclif/core';
import type {Answer} from '../lib/cli/answer.js';
import {BaseCommand} from '../lib/cli/base-command.js';
import {conductCommand} from '../lib/cli/conduct-command.js';
import {boundedInteger, dryRunFlags, duration, fanOutFlags, projectFlags, selectionFlags} from '../lib/cli/shared-flags.js';

export default class Run extends BaseCommand {
  static override summary = 'Run one shell command on hosts; identical output is folded';
  static override description =
    `The words after -- are joined and run by /bin/sh in the login directory, in a session of their own that ends at the deadline. Nothing is
ever run twice. Output is kept up to --max-output bytes a host.

Exit status: 0 the command succeeded everywhere; 6 no host was reached; 8 it failed somewhere.`;
  static override examples = [
    'drover run --all -- uptime',
    'drover run --silo eu --timeout 10s -- "df -h / | tail -1"',
    'drover run --hosts "web[01-12]" --json -- cat /etc/os-release',
  ];
  static override strict = false;
  static override flags = {
    ...projectFlags,
    ...selectionFlags,
    ...fanOutFlags,
    ...dryRunFlags,
    timeout: duration({description: 'deadline of the command on each host', default: 60_000, helpValue: '60s', helpGroup: 'RUN'}),
    'max-output': boundedInteger({
      description: 'bytes of output kept per host',
      default: 65_536,
      min: 1024,
      max: 16_777_216,
      helpGroup: 'OUTPUT',
    }),
    labels: Flags.boolean({description: 'one line per line of output, the host before it, as it lands', helpGroup: 'OUTPUT'}),
  };

  protected async execute(): Promise<Answer> {
    const {argv, flags} = await this.parse(Run);
    return conductCommand(argv.map(String), flags, this.env);
  }
}
