/** Commands out of a document, and what they must print. */

/** One line behind a prompt, and the lines that must be in what it prints. */
export type Step = {
  readonly host: string;
  readonly command: string;
  readonly printed: readonly string[];
};

/** `host-a# command` in blocks of `console`, in their order. */
export function stepsIn(markdown: string): Step[] {
  return blocks(markdown, "console").flatMap((block) => {
    const steps: Step[] = [];
    for (const line of block.split("\n")) {
      const [, host, command] = /^host-([a-z])# (.+)$/.exec(line) ?? [];
      const last = steps.at(-1);
      if (host !== undefined && command !== undefined) steps.push({ host, command, printed: [] });
      else if (last !== undefined && line !== "")
        steps[steps.length - 1] = { ...last, printed: [...last.printed, line] };
    }
    return steps;
  });
}

/** The blocks of one language. */
export function blocks(markdown: string, language: string): string[] {
  const fenced = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm");
  return [...markdown.matchAll(fenced)].map(([, block = ""]) => block);
}
