/** Changes of what a link waits for its user for, and of what it warns of. */
import type { FailureCode } from '../src/contract/failures';
import { type LinkFacts, without } from './facts';

/** The link waits for its user, since now or since it began to. */
export function waiting(link: LinkFacts, attention: FailureCode, at: string): LinkFacts {
  return { ...attended(link), attention, attentionSince: link.attentionSince ?? at };
}

/** The link waits for its user no longer. */
export function attended(link: LinkFacts): LinkFacts {
  return without(link, 'attention', 'attentionSince', 'lacksConsent', 'choices', 'looksMs');
}

export function withoutWarning(link: LinkFacts): LinkFacts {
  const { warning, ...rest } = link;
  return warning ? { ...rest, settledWarning: warning } : link;
}

/** The same warning, sent again. */
export function isSame(one: Warning, other: Warning | undefined): boolean {
  return one.code === other?.code && one.until === other.until;
}
type Warning = NonNullable<LinkFacts['warning']>;
