import {Args} from '@oclif/core';
import type {Answer} from '../lib/cli/answer.js';
import {BaseCommand} from '../lib/cli/base-command.js';
import {completedShells, printCompletion} from '../lib/cli/completion-script.js';

export default class Completion extends BaseCommand {
  static override summary = 'Print a script that completes commands, flags, hosts, apps, snapshots and runs';
  static override description =
    `Names come from drover.yml and the inventory in the current folder, from the local store and from the journal of this machine. No
program is run and nobody is asked: an inventory that is a program offers no hosts, a store in a bucket no snapshots.

Exit status: 0; 2 another shell.`;
  static override examples = [
    'source <(drover completion bash)    # in ~/.bashrc',
    'source <(drover completion zsh)     # in ~/.zshrc, after compinit',
    'drover completion fish > ~/.config/fish/completions/drover.fish',
  ];
  static override args = {
    shell: Args.string({description: completedShells.join(', '), required: true, options: [...completedShells]}),
  };

  protected async execute(): Promise<Answer> {
    const {args} = await this.parse(Completion);
    const shell = completedShells.find((each) => each === args.shell) ?? 'bash';
    return printCompletion(shell);
  }
}
