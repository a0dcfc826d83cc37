import {Args, Flags} from '@oclif/core';
import type {Answer} from '../lib/cli/answer.js';
import {BaseCommand} from '../lib/cli/base-command.js';
import {conductCopy} from '../lib/cli/conduct-copy.js';
import {boundedInteger, byteSize, dryRunFlags, fanOutFlags, projectFlags, recordFlags, selectionFlags} from '../lib/cli/shared-flags.js';

export default class Copy extends BaseCommand {
  static override summary = 'Copy a file or a tree to hosts, or from them';
  static override description =
    `One of the two ends is on hosts: HOSTS:/path, or :/path (or :~/path) where --hosts, --silo, --role or --all say which.

To hosts: a file takes its place by one rename, proved by its digest; a tree that is not there yet comes whole, by one rename as well. A tree
that is there and differs is refused; --merge puts the files into it one by one, and leaves alone what it has besides. A target that ends with / is
a folder, into which the source goes under its own name. Permissions are kept, but for set-id bits; folders stay writable for their owner.
Owners and times are not. A host that has it already is left alone, so that a copy can be repeated.

From hosts: FOLDER/HOST/name, for one host too. A file there is replaced, a folder never is. Links that lead out of a tree are left out and named.

Names are UTF-8 without control characters; others are refused by name. A copy that is cut leaves nothing half and is tried again.

Exit status: 0 copied everywhere; 3 the source cannot be copied; 4 refused; 6 no host could be reached; 8 it failed on some; 130 interrupted.`;
  static override examples = [
    'drover copy motd :/etc/motd --role web',
    'drover copy conf.d "web[01-12]:/srv/shop/conf.d" --merge',
    'drover copy :/var/log/nginx/error.log logs --silo eu',
    'drover copy web03:/srv/shop/uploads . --max-size 20G',
  ];
  static override args = {
    source: Args.string({description: 'a file or folder here, or HOSTS:/path', required: true}),
    target: Args.string({description: 'HOSTS:/path, or a folder here', required: true}),
  };
  static override flags = {
    ...projectFlags,
    ...selectionFlags,
    ...fanOutFlags,
    ...recordFlags,
    ...dryRunFlags,
    merge: Flags.boolean({description: 'put the files of a tree into a folder that is there, one by one', helpGroup: 'COPY'}),
    'max-size': byteSize({
      description: 'most bytes that a host may send',
      default: 1024 ** 3,
      defaultHelp: async () => '1G',
      helpValue: 'SIZE',
      helpGroup: 'COPY',
    }),
    'retry-around-failure': boundedInteger({
      description: 'how often a copy that was cut is tried again within the run',
      default: 4,
      min: 0,
      max: 20,
      helpGroup: 'RUN',
    }),
  };

  protected async execute(): Promise<Answer> {
    const {args, flags} = await this.parse(Copy);
    return conductCopy(args.source, args.target, flags, this.env);
  }
}
