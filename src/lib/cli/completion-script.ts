import type {Answer} from './answer.js';

export const completedShells = ['bash', 'zsh', 'fish'] as const;

/** Each hands the words so far to `drover completion --words`; where that knows nothing, the shell goes on with files. */
const scripts: Readonly<Record<(typeof completedShells)[number], string>> = {
  bash: `# drover for bash; in ~/.bashrc: source <(drover completion bash)
_drover() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    COMPREPLY+=("\${line%%$'\\t'*}")
  done < <(drover completion --words "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o bashdefault -o default -F _drover drover
`,
  zsh: `#compdef drover
# drover for zsh; in ~/.zshrc, after compinit: source <(drover completion zsh)
_drover() {
  local line word
  local -a found
  for line in "\${(@f)$(drover completion --words "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] || continue
    word=\${line%%$'\\t'*}
    if [[ $line = *$'\\t'* ]]; then found+=("\${word//:/\\\\:}:\${line#*$'\\t'}"); else found+=("\${word//:/\\\\:}"); fi
  done
  if (( $#found )); then _describe drover found; else _files; fi
}
if [[ \${funcstack[1]-} = _drover ]]; then _drover "$@"; else compdef _drover drover; fi
`,
  fish: `# drover for fish; once: drover completion fish > ~/.config/fish/completions/drover.fish
function __drover_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    set -l found (drover completion --words $before[2..-1] "$current" 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\\n' $found
    else
        __fish_complete_path "$current"
    end
end
complete -c drover -f -a '(__drover_complete)'
`,
};

export function printCompletion(shell: (typeof completedShells)[number]): Answer {
  return {text: scripts[shell], json: {schemaVersion: 1, shell, script: scripts[shell]}, exit: 0};
}
