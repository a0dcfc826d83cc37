import {Flags} from '@oclif/core';
import type {Answer} from '../../lib/cli/answer.js';
import {BaseCommand} from '../../lib/cli/base-command.js';
import {approvalFlags, fanOutFlags, projectFlags, selectionFlags} from '../../lib/cli/shared-flags.js';
import {trustHosts} from '../../lib/cli/trust-hosts.js';

export default class HostsTrust extends BaseCommand {
  static override summary = 'Show the SSH keys of hosts, and trust those that are new';
  static override description =
    `Connects without logging in, by whatever way ssh takes there. Compare the fingerprints with what the hosts' consoles say: ssh-keygen -lf
/etc/ssh/ssh_host_ed25519_key.pub. What you approve is added to the known_hosts file that the inventory names, else to one beside it. A key
that changed is never written.

Exit status: 0 all keys are known now; 4 nothing was written; 6 a host showed another key than the known one, or none.`;
  static override examples = ['drover hosts trust --all', 'drover hosts trust --hosts "web[01-12]" --file deploy/known_hosts'];
  static override flags = {
    ...projectFlags,
    ...selectionFlags,
    ...approvalFlags,
    concurrency: fanOutFlags.concurrency,
    file: Flags.string({description: 'the known_hosts file to add to', helpValue: 'FILE'}),
  };

  protected async execute(): Promise<Answer> {
    const {flags} = await this.parse(HostsTrust);
    return trustHosts(flags, this.env, AbortSignal.timeout(600_000));
  }
}
