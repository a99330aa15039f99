// The filters of the conversation list: each row says its name in the URL, how it is put in, and what is asked for.
// A new filter of the graph is a new row. A search of messages heeds those that say so.

import type {
  ConversationFilter,
  ConversationOrderField,
  FindMessagesQueryVariables,
  MessageKind,
} from '../graph/generated';
import { exact, exactDollars } from './format';
import { t } from './texts';

export interface Choice {
  readonly value: string;
  readonly label: string;
}

/** Names that are offered while one types. */
export type Suggested = 'agents' | 'models' | 'tools' | 'feedbackTypes' | 'feedbackTags' | 'ratings';

export type SearchFilter = Pick<FindMessagesQueryVariables, 'agent' | 'startedAfter' | 'kinds'>;

interface Field {
  /** Its name in the URL. */
  readonly key: string;
  readonly label: () => string;
  /** What the list is asked for; a value that means nothing gives nothing. */
  readonly filter?: (value: string, now: number) => ConversationFilter;
  /** What a search of messages is asked for. */
  readonly search?: (value: string, now: number) => SearchFilter;
}

export interface ChoiceField extends Field {
  readonly kind: 'choice';
  readonly choices: () => readonly Choice[];
}

export interface TextField extends Field {
  readonly kind: 'text';
  readonly placeholder: () => string;
  readonly suggest?: Suggested;
}

/** From one number to another, as "1..20" in the URL; either may be left out. */
export interface RangeField extends Field {
  readonly kind: 'range';
  /** The label where numbers are put in, if it says their unit. */
  readonly asked?: () => string;
  /** An end of a range with its unit, if it has one. */
  readonly say?: (end: number) => string;
  readonly step: number | 'any';
}

export type FilterField = ChoiceField | TextField | RangeField;

export type FilterValues = Readonly<Record<string, string>>;

const HOUR = 3_600_000;
const WINDOWS: Readonly<Record<string, number>> = { '1h': HOUR, '24h': 24 * HOUR, '7d': 168 * HOUR, '30d': 720 * HOUR };
const windowChoices = (): readonly Choice[] => [
  { value: '', label: t('any time') },
  { value: '1h', label: t('the last hour') },
  { value: '24h', label: t('the last 24 hours') },
  { value: '7d', label: t('the last 7 days') },
  { value: '30d', label: t('the last 30 days') },
];

/** The start of a window, to the minute. */
function since(value: string, now: number): string | undefined {
  const window = WINDOWS[value];
  return window === undefined ? undefined : new Date(Math.floor((now - window) / 60_000) * 60_000).toISOString();
}

function given<Filter>(key: keyof Filter, value: unknown): Filter {
  return (value ? { [key]: value } : {}) as Filter;
}

export interface Range {
  readonly min: number | null;
  readonly max: number | null;
}

/** The ends of a range; null where it has none, or one that is no number. */
export function parseRange(value: string): Range | null {
  const [from, to, ...more] = value.split('..');
  if (from === undefined || to === undefined || more.length > 0) return null;
  const [min, max] = [from, to].map((end) => (end.trim() === '' ? null : Number(end))) as [
    number | null,
    number | null,
  ];
  const isGood = (end: number | null) => end === null || (Number.isFinite(end) && end >= 0);
  return isGood(min) && isGood(max) && (min !== null || max !== null) ? { min, max } : null;
}

export function formatRange(min: string, max: string): string {
  return min.trim() || max.trim() ? `${min.trim()}..${max.trim()}` : '';
}

/** A filter by a range whose ends are `scale` times what is written. */
function ranged(key: 'costUsd' | 'tokens' | 'turns' | 'durationMs', scale: number | null) {
  return (value: string): ConversationFilter => {
    const range = parseRange(value);
    if (!range) return {};
    const [min, max] =
      scale === null
        ? [range.min, range.max]
        : [range.min && Math.ceil(range.min * scale), range.max === null ? null : Math.floor(range.max * scale)];
    return { [key]: { ...(min === null ? {} : { min }), ...(max === null ? {} : { max }) } };
  };
}

const ERRORS: Readonly<Record<string, ConversationFilter>> = {
  some: { hasError: true },
  turn: { status: 'ERROR' },
  none: { hasError: false },
};

const KINDS: Readonly<Record<string, MessageKind>> = {
  user: 'USER_MESSAGE',
  assistant: 'ASSISTANT_MESSAGE',
  tool: 'TOOL_CALL',
};

export const FILTERS: readonly FilterField[] = [
  {
    key: 'in',
    label: () => t('Messages'),
    kind: 'choice',
    choices: () => [
      { value: '', label: t('of all') },
      { value: 'user', label: t('of users') },
      { value: 'assistant', label: t('of agents') },
      { value: 'tool', label: t('tool calls') },
    ],
    search: (value) => (KINDS[value] ? { kinds: [KINDS[value]] } : {}),
  },
  {
    key: 'agent',
    label: () => t('Agent'),
    kind: 'text',
    placeholder: () => t('Any agent'),
    suggest: 'agents',
    filter: (value) => given('agent', value.trim()),
    search: (value) => given('agent', value.trim()),
  },
  {
    key: 'model',
    label: () => t('Model'),
    kind: 'text',
    placeholder: () => t('Any model'),
    suggest: 'models',
    filter: (value) => given('model', value.trim()),
  },
  {
    key: 'tool',
    label: () => t('Tool'),
    kind: 'text',
    placeholder: () => t('Any tool'),
    suggest: 'tools',
    filter: (value) => given('tool', value.trim()),
  },
  {
    key: 'name',
    label: () => t('Name'),
    kind: 'text',
    placeholder: () => t('Part of the name'),
    filter: (value) => given('name', value.trim()),
  },
  {
    key: 'tag',
    label: () => t('Tag'),
    kind: 'text',
    placeholder: () => t('Any tag'),
    filter: (value) => given('tag', value.trim()),
  },
  {
    key: 'text',
    label: () => t('Text in a message'),
    kind: 'text',
    placeholder: () => t('Part of a message'),
    filter: (value) => given('text', value.trim()),
  },
  {
    key: 'attribute',
    label: () => t('Attribute'),
    kind: 'text',
    placeholder: () => 'user.id=42',
    filter: (value) => {
      const [key, ...rest] = value.split('=');
      return key?.trim() && rest.length > 0 ? { attribute: { key: key.trim(), value: rest.join('=').trim() } } : {};
    },
  },
  {
    key: 'active',
    label: () => t('Active'),
    kind: 'choice',
    choices: windowChoices,
    filter: (value, now) => given('lastActivityAfter', since(value, now)),
  },
  {
    key: 'started',
    label: () => t('Started'),
    kind: 'choice',
    choices: windowChoices,
    filter: (value, now) => given('startedAfter', since(value, now)),
    search: (value, now) => given('startedAfter', since(value, now)),
  },
  {
    key: 'errors',
    label: () => t('Errors'),
    kind: 'choice',
    choices: () => [
      { value: '', label: t('with or without') },
      { value: 'some', label: t('some error') },
      { value: 'turn', label: t('a failed turn') },
      { value: 'none', label: t('no error') },
    ],
    filter: (value) => ERRORS[value] ?? {},
  },
  {
    key: 'cost',
    label: () => t('Cost'),
    asked: () => t('Cost in $'),
    kind: 'range',
    say: exactDollars,
    step: 'any',
    filter: ranged('costUsd', null),
  },
  {
    key: 'tokens',
    label: () => t('Tokens'),
    kind: 'range',
    step: 1,
    filter: ranged('tokens', 1),
  },
  {
    key: 'turns',
    label: () => t('Turns'),
    kind: 'range',
    step: 1,
    filter: ranged('turns', 1),
  },
  {
    key: 'duration',
    label: () => t('Duration'),
    asked: () => t('Duration in seconds'),
    kind: 'range',
    say: (seconds) => t('{count} s', { count: exact(seconds) }),
    step: 'any',
    filter: ranged('durationMs', 1000),
  },
  {
    key: 'judged',
    label: () => t('Feedback tag'),
    kind: 'text',
    placeholder: () => t('Any tag'),
    suggest: 'feedbackTags',
    filter: (value) => (value.trim() ? { feedback: { tag: value.trim() } } : {}),
  },
  {
    key: 'feedback',
    label: () => t('Feedback type'),
    kind: 'text',
    placeholder: () => t('Any type'),
    suggest: 'feedbackTypes',
    filter: (value) => (value.trim() ? { feedback: { feedbackType: value.trim() } } : {}),
  },
  {
    key: 'rating',
    label: () => t('Rating'),
    kind: 'text',
    placeholder: () => t('Any rating'),
    suggest: 'ratings',
    filter: (value) => (value.trim() ? { feedback: { rating: value.trim() } } : {}),
  },
  {
    key: 'score',
    label: () => t('Value of the rating'),
    kind: 'range',
    step: 'any',
    filter: (value) => {
      const range = parseRange(value);
      return range ? { feedback: { value: range } } : {};
    },
  },
];

/** A value as a chip shows it; null where it means nothing. */
export function describe(field: FilterField, value: string): string | null {
  if (Object.keys({ ...field.filter?.(value, 0), ...field.search?.(value, 0) }).length === 0) return null;
  if (field.kind === 'text') return value.trim();
  if (field.kind === 'choice') return field.choices().find((choice) => choice.value === value)?.label ?? null;
  const range = parseRange(value);
  if (!range) return null;
  const [min, max] = [range.min, range.max].map((end) => (end === null ? null : (field.say ?? exact)(end)));
  if (min && max) return t('{least} to {most}', { least: min, most: max });
  return min ? t('{least} or more', { least: min }) : t('{most} or less', { most: max ?? '' });
}

/** What the list is asked for. All that is said of feedback is said of one judgement. */
export function conversationFilter(values: FilterValues, now: number): ConversationFilter | null {
  const parts = FILTERS.map(({ key, filter }) => filter?.(values[key] ?? '', now) ?? {});
  const feedback = Object.assign({}, ...parts.map((part) => part.feedback)) as NonNullable<
    ConversationFilter['feedback']
  >;
  const all = Object.assign({}, ...parts, Object.keys(feedback).length > 0 ? { feedback } : {}) as ConversationFilter;
  return Object.keys(all).length > 0 ? all : null;
}

export function searchFilter(values: FilterValues, now: number): SearchFilter {
  return Object.assign({}, ...FILTERS.map(({ key, search }) => search?.(values[key] ?? '', now) ?? {})) as SearchFilter;
}

export const orders = (): readonly { readonly value: ConversationOrderField; readonly label: string }[] => [
  { value: 'LAST_ACTIVITY', label: t('Last activity') },
  { value: 'STARTED_AT', label: t('Start') },
  { value: 'COST', label: t('Cost') },
  { value: 'TOKENS', label: t('Tokens') },
  { value: 'TURNS', label: t('Turns') },
  { value: 'ERRORS', label: t('Errors') },
  { value: 'DURATION', label: t('Duration') },
];
