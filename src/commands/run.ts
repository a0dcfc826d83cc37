import {Flags} from '@oclif/core';
import type {Answer} from '../lib/cli/answer.js';
import {BaseCommand} from '../lib/cli/base-command.js';
import {conductCommand} from '../lib/cli/conduct-command.js';
import {boundedInteger, dryRunFlags, duration, fanOutFlags, projectFlags, recordFlags, selectionFlags} from '../lib/cli/shared-flags.js';

export default class Run extends BaseCommand {
  static override summary = 'Run one shell command on hosts; identical output is folded';
  static override description =
    `The words after -- are joined and run by /bin/sh in the login directory, in a session of their own that ends at the deadline. Nothing is
ever run twice. Output is kept up to --max-output bytes a host. Standard input of the command is empty, or what --stdin gives it.
Enter, or SIGUSR1 (kill -USR1), shows who is pending, and for how long. With --stream a line of more than 16,384 characters is cut, and says so.

Exit status: 0 the command succeeded everywhere; 3 it did, but --out-dir could not be written; 4 refused before it began; 6 no host was reached; 8 it failed somewhere.`;
  static override examples = [
    'drover run --all -- uptime',
    'drover run --silo eu --timeout 10s -- "df -h / | tail -1"',
    'drover run --role web --canary 1 --script tools/rotate-logs.py -- --keep 7',
    'drover run --role web --stream --timeout 10m -- tail -n 3 -f /var/log/nginx/error.log',
    'drover run --role web --diff -- nginx -T',
    'drover run --all --sudo --stdin -- tee /etc/motd < motd',
    'drover run --hosts "web[01-12]" --json -- cat /etc/os-release',
  ];
  static override strict = false;
  static override flags = {
    ...projectFlags,
    ...selectionFlags,
    ...fanOutFlags,
    ...recordFlags,
    ...dryRunFlags,
    timeout: duration({description: 'deadline of the command on each host', default: 60_000, helpValue: '60s', helpGroup: 'RUN'}),
    'max-output': boundedInteger({
      description: 'bytes of output kept per host',
      default: 65_536,
      min: 1024,
      max: 16_777_216,
      helpGroup: 'OUTPUT',
    }),
    sudo: Flags.boolean({description: 'as root, by sudo -n, which never asks for a password', helpGroup: 'COMMAND'}),
    script: Flags.string({
      description: 'send this file and run it, by the interpreter of its first line; words after -- are its arguments',
      helpValue: 'FILE',
      helpGroup: 'COMMAND',
    }),
    stdin: Flags.boolean({description: 'read standard input to its end and give it to every host', helpGroup: 'COMMAND'}),
    canary: boundedInteger({
      description: 'so many hosts first; the others only when it succeeded there',
      min: 1,
      max: 100_000,
      helpGroup: 'RUN',
    }),
    budget: boundedInteger({
      description: 'begin no further host once more than so many failed; by default all are tried',
      min: 0,
      max: 100_000,
      helpGroup: 'RUN',
    }),
    'out-dir': Flags.string({
      description: 'write the output of each host to FOLDER/HOST.out, and why it failed to FOLDER/HOST.failed',
      helpValue: 'FOLDER',
      helpGroup: 'OUTPUT',
    }),
    labels: Flags.boolean({description: 'one line per line of output, the host before it, as hosts end', helpGroup: 'OUTPUT'}),
    stream: Flags.boolean({
      description: 'lines as they come, the host before each; with --json one object a line',
      exclusive: ['labels', 'diff'],
      helpGroup: 'OUTPUT',
    }),
    diff: Flags.boolean({
      description: 'what most hosts printed, once, and how the others differ from it',
      exclusive: ['labels'],
      helpGroup: 'OUTPUT',
    }),
  };

  protected async execute(): Promise<Answer> {
    const {argv, flags} = await this.parse(Run);
    return conductCommand(argv.map(String), flags, this.env);
  }

  protected override printsJsonLines(): boolean {
    return this.has('--stream');
  }
}
