import type {Answer} from '../lib/cli/answer.js';
import {BaseCommand} from '../lib/cli/base-command.js';
import {initProject} from '../lib/cli/init-project.js';

export default class Init extends BaseCommand {
  static override summary = 'Write a first drover.yml and inventory.yml';
  static override description = `Two short files with comments, to be edited. Files that exist are never overwritten.

Exit status: 0 written; 4 both exist already.`;
  static override examples = ['drover init'];

  protected async execute(): Promise<Answer> {
    await this.parse(Init);
    return initProject(process.cwd());
  }
}
