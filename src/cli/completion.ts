/** Completion of command lines. The scripts of the shells ask the program itself, so that they need no change with it. */
import type { Command, Option } from 'commander';
import { optionsOf } from './suggestions.ts';

/**
 * What can stand in the place of the last word.
 * @param words behind the program's name; the last one may be empty
 * @returns commands, options or choices that begin with the last word, as they are typed; none where a value is free
 */
export function completions(program: Command, words: readonly string[]): string[] {
  const typed = words.at(-1) ?? '';
  let command = program;
  let pending: Option | undefined;
  for (const word of words.slice(0, -1)) {
    if (pending !== undefined) {
      pending = undefined;
      continue;
    }
    const option = optionsOf(command).find(({ long, short }) => word === long || word === short);
    if (option?.required) pending = option;
    else command = command.commands.find((each) => each.name() === word) ?? command;
  }
  return candidates(command, typed, pending)
    .filter((each) => each.startsWith(typed))
    .sort();
}

function candidates(command: Command, typed: string, pending: Option | undefined): string[] {
  if (pending !== undefined) return [...(pending.argChoices ?? [])];
  if (typed.startsWith('-'))
    return [...optionsOf(command).flatMap(({ long, hidden }) => (long && !hidden ? [long] : [])), '--help'];
  const visible = command.createHelp().visibleCommands(command);
  if (visible.length > 0) return visible.map((each) => each.name());
  return command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
}

/** The last word is passed behind '=', because some shells drop an empty argument. */
export const shellScripts: Readonly<Record<string, string>> = {
  bash: `_multi_outbox() {
  local IFS=$'\\n'
  COMPREPLY=($(multi-outbox complete -- "\${COMP_WORDS[@]:1:COMP_CWORD-1}" "=\${COMP_WORDS[COMP_CWORD]}" 2>/dev/null))
}
complete -o default -F _multi_outbox multi-outbox
`,
  zsh: `#compdef multi-outbox
_multi_outbox() {
  local -a found
  found=(\${(f)"$(multi-outbox complete -- "\${(@)words[2,CURRENT-1]}" "=\${words[CURRENT]}" 2>/dev/null)"})
  if (( $#found )); then compadd -- $found; else _files; fi
}
compdef _multi_outbox multi-outbox
`,
  fish: `complete -c multi-outbox -a '(multi-outbox complete -- (commandline -opc)[2..] "="(commandline -ct) 2>/dev/null)'
`,
  pwsh: `Register-ArgumentCompleter -Native -CommandName multi-outbox -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
    Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.Extent.Text })
  multi-outbox complete -- @words "=$wordToComplete" 2>$null |
    ForEach-Object { [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_) }
}
`,
};
