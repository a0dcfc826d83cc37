import {Args, Command, loadHelpClass} from '@oclif/core';

export default class Help extends Command {
  static override summary = 'Show what a command does, or all commands';
  static override examples = ['drover help', 'drover help snapshot verify'];
  static override args = {command: Args.string({description: 'the words of the command'})};
  static override strict = false;

  override async run(): Promise<void> {
    const {argv} = await this.parse(Help);
    const HelpText = await loadHelpClass(this.config);
    await new HelpText(this.config).showHelp(argv.map(String));
  }
}
