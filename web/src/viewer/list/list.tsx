// The list of a project's conversations. Only the rows in view exist: all are of one height.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { ConversationRowFragment } from '../graph/generated';
import { conversationFilter, searchFilter, type FilterValues } from '../lib/filters';
import { ago, dollars, exactDollars, isAtWork, short, whole } from '../lib/format';
import { enumerated, t, tn } from '../lib/texts';
import { Link, Loading, Time } from '../parts/basics';
import { SMALL, useKeys, useMedia, useNow } from '../parts/hooks';
import { Icon } from '../parts/icons';
import { go, usePlace } from '../parts/router';
import { TroubleNote } from '../parts/trouble';
import { Welcome } from '../parts/welcome';
import { useConversations, type News } from './data';
import type { Suggestions } from './filters';
import { MinimapStrip } from './minimap';
import { SearchResults, useSearch } from './search';
import { active, setFilter, Toolbar } from './toolbar';

const ROW = 56;
const SMALL_ROW = 116;
const BEYOND = 8; // rows above and below what is seen
const COUNTED_TO = 10_000;

export function ConversationListPage({ project }: { readonly project: string }) {
  const place = usePlace();
  const now = useNow();
  const [since, setSince] = useSince(place.filters);
  const isSearch = place.search !== '';
  const list = useConversations({
    project,
    filter: conversationFilter(place.filters, since),
    orderBy: { field: place.order, direction: place.ascending ? 'ASC' : 'DESC' },
    isPaused: isSearch,
  });
  const search = useSearch({ project, text: place.search, filter: searchFilter(place.filters, since) });
  const seen = useSeen(list.rows);
  const reload = () => {
    setSince();
    list.reload();
  };

  useEffect(() => {
    document.title = `${project} · Turngraph`;
  }, [project]);

  const filters = active(place.filters);
  const isEmpty = list.ready && !list.stale && list.rows.length === 0 && !list.trouble;
  if (list.trouble && !isSearch && (list.trouble.kind === 'key' || list.trouble.kind === 'scope')) {
    return <TroubleNote trouble={list.trouble} again={reload} />;
  }
  if (isEmpty && !isSearch && filters.length === 0) {
    return (
      <div class="scroll">
        {list.news.added > 0 && <NewsButton news={list.news} reload={reload} />}
        <Welcome project={project} />
      </div>
    );
  }
  return (
    <section class="list" aria-label={t('Conversations of {project}', { project })}>
      <Toolbar project={project} place={place} seen={seen}>
        <span class="soft count" aria-live="polite">
          {isSearch
            ? search.found && countOf(search.found.hits.length, search.found.after !== null)
            : list.ready && countOf(list.total, list.total >= COUNTED_TO)}
        </span>
        {!isSearch && <NewsButton news={list.news} reload={reload} />}
      </Toolbar>
      {isSearch ? (
        <SearchResults search={search} text={place.search} now={now} />
      ) : list.trouble ? (
        <TroubleNote trouble={list.trouble} again={reload} />
      ) : !list.ready ? (
        <Loading text={t('Loading conversations…')} />
      ) : isEmpty ? (
        <NothingFound filters={place.filters} />
      ) : (
        <Rows
          key={list.version}
          rows={list.rows}
          total={list.total}
          stale={list.stale}
          more={list.more}
          now={now}
          reload={reload}
        />
      )}
    </section>
  );
}

const countOf = (count: number, isMore: boolean): string =>
  isMore ? t('{least} or more', { least: count }) : whole(count);

/** From when windows of time are reckoned: from when their filters were set, or the list was last loaded anew. */
function useSince(filters: FilterValues): readonly [number, () => void] {
  const [since, setSince] = useState({ filters, now: Date.now() });
  if (since.filters !== filters) setSince({ filters, now: Date.now() });
  return [since.now, () => setSince({ filters, now: Date.now() })];
}

function NothingFound({ filters }: { readonly filters: FilterValues }) {
  return (
    <div class="note">
      <Icon name="help" />
      <div>
        <h2>{t('No conversation meets these filters')}</h2>
        <p>{t('Widen a range or a time, or take a filter away. Names of agents, models and tools must be exact.')}</p>
        <div class="note-buttons">
          {active(filters).map(({ field, says }) => (
            <button key={field.key} type="button" class="button" onClick={() => setFilter(filters, field.key, '')}>
              {t('Without “{filter}: {value}”', { filter: field.label(), value: says })}
            </button>
          ))}
          <button type="button" class="button" onClick={() => go({ filters: {} })}>
            {t('Clear filters')}
          </button>
        </div>
      </div>
    </div>
  );
}

/** All values that were ever in the rows, sorted: to be offered as filters. */
function useSeen(rows: readonly ConversationRowFragment[]): Suggestions {
  const agents = useKnown(rows.flatMap((row) => row.agents));
  const feedback = rows.flatMap((row) => row.spansFeedback);
  const feedbackTags = useKnown(feedback.flatMap(({ tags }) => tags));
  const feedbackTypes = useKnown(feedback.map(({ feedbackType }) => feedbackType));
  const ratings = useKnown(feedback.flatMap((one) => one.ratings.map(({ name }) => name)));
  return useMemo(
    () => ({ agents, feedbackTags, feedbackTypes, ratings }),
    [agents, feedbackTags, feedbackTypes, ratings],
  );
}

/** All values that were ever there, sorted. */
function useKnown(values: readonly string[]): readonly string[] {
  const known = useRef<ReadonlySet<string>>(new Set());
  if (values.some((value) => !known.current.has(value))) known.current = new Set([...known.current, ...values].sort());
  const { current } = known;
  return useMemo(() => [...current], [current]);
}

function NewsButton({ news, reload }: { readonly news: News; readonly reload: () => void }) {
  const told = enumerated([
    news.added > 0 && tn('{count} new', '{count} new', news.added),
    news.changed > 0 && tn('{count} changed', '{count} changed', news.changed),
  ]);
  return (
    <span role="status">
      {told && (
        <button type="button" class="button news" onClick={reload}>
          {told}
        </button>
      )}
    </span>
  );
}

function Rows(props: {
  readonly rows: readonly ConversationRowFragment[];
  readonly total: number;
  readonly stale: boolean;
  readonly more: () => void;
  readonly reload: () => void;
  readonly now: number;
}) {
  const { rows, more } = props;
  const isSmall = useMedia(SMALL);
  const row = isSmall ? SMALL_ROW : ROW;
  const scroller = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: window.innerHeight, width: window.innerWidth, bar: 0 });
  const [focused, setFocused] = useState<number | null>(null);

  useLayoutEffect(() => {
    const box = scroller.current;
    if (!box) return undefined;
    const measure = () => {
      const { scrollTop: top, clientHeight: height, clientWidth: width } = box;
      setView({ top, height, width, bar: box.offsetWidth - width });
    };
    const sizes = new ResizeObserver(measure);
    sizes.observe(box);
    box.addEventListener('scroll', measure, { passive: true });
    return () => {
      sizes.disconnect();
      box.removeEventListener('scroll', measure);
    };
  }, []);

  const first = Math.max(0, Math.floor(view.top / row) - BEYOND);
  const last = Math.min(rows.length, Math.ceil((view.top + view.height) / row) + BEYOND);
  useEffect(() => {
    if (last >= rows.length - BEYOND) more();
  }, [last, rows.length, more]);

  // A row beyond the rendered ones takes the focus once it is scrolled to; after that one may scroll away from it.
  const moving = useRef(false);
  useLayoutEffect(() => {
    const box = scroller.current;
    if (!moving.current || focused === null || !box) return;
    const top = focused * row;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + row > box.scrollTop + box.clientHeight) box.scrollTop = top + row - box.clientHeight;
    const link = box.querySelector<HTMLElement>(`[data-row="${focused}"] .row-link`);
    link?.focus({ preventScroll: true });
    moving.current = !link;
  }, [focused, row, first, last]);

  // Keys may be pressed faster than the page is rendered: each step starts from where the one before it leads.
  const move = (step: number) => {
    moving.current = true;
    setFocused((before) => Math.min(rows.length - 1, Math.max(0, (before ?? (step > 0 ? -1 : rows.length)) + step)));
  };
  useKeys({
    j: () => move(1),
    ArrowDown: () => move(1),
    k: () => move(-1),
    ArrowUp: () => move(-1),
    r: props.reload,
  });

  const minimapWidth = Math.floor(isSmall ? view.width - 32 : Math.min(420, Math.max(140, view.width * 0.3)));
  return (
    <div
      class={`rows ${props.stale ? 'stale' : ''}`}
      role="table"
      aria-label={t('Conversations')}
      aria-busy={props.stale}
      aria-rowcount={props.total + 1}
      style={{ '--map': `${minimapWidth}px`, '--scrollbar': `${view.bar}px` }}
    >
      <div class="row-head row-grid" role="row" aria-rowindex={1}>
        <span role="columnheader">{t('Conversation')}</span>
        <span role="columnheader">{t('Spans')}</span>
        <span role="columnheader" class="number">
          {t('Turns')}
        </span>
        <span role="columnheader" class="number">
          {t('Errors')}
        </span>
        <span role="columnheader" class="number">
          {t('Tokens')}
        </span>
        <span role="columnheader" class="number">
          {t('Cost')}
        </span>
        <span role="columnheader" class="number">
          {t('Last activity')}
        </span>
      </div>
      <div class="scroll" ref={scroller} role="rowgroup">
        <div class="rows-space" role="presentation" style={{ height: `${rows.length * row}px` }}>
          {rows.slice(first, last).map((conversation, index) => (
            <Row
              key={conversation.conversationId}
              conversation={conversation}
              index={first + index}
              top={(first + index) * row}
              map={minimapWidth}
              now={props.now}
              onFocus={setFocused}
            />
          ))}
        </div>
      </div>
    </div>
  );
}

function Row(props: {
  readonly conversation: ConversationRowFragment;
  readonly index: number;
  readonly top: number;
  readonly map: number;
  readonly now: number;
  readonly onFocus: (index: number) => void;
}) {
  const { conversation: one, now } = props;
  const tokens = one.usage.inputTokens + one.usage.outputTokens;
  return (
    <div
      class="row row-grid"
      role="row"
      aria-rowindex={props.index + 2}
      data-row={props.index}
      style={{ transform: `translateY(${props.top}px)` }}
      onFocusIn={() => props.onFocus(props.index)}
    >
      <span role="cell" class="row-name">
        <Link to={{ conversation: one.conversationId, turn: null, span: null }} class="row-link">
          {one.name ?? one.conversationId}
        </Link>
        <span class="row-agents soft">
          {one.agents.length > 0 ? one.agents.join(', ') : t('no agent named')}
          {one.tags.map((tag) => (
            <span key={tag} class="tag">
              {tag}
            </span>
          ))}
        </span>
      </span>
      <span role="cell" class="row-map">
        <MinimapStrip
          conversation={one.conversationId}
          spans={one.spans}
          feedback={one.spansFeedback}
          width={props.map}
        />
      </span>
      <span role="cell" class="number" title={tn('{count} turn', '{count} turns', one.turnCount)}>
        <span class="bare">{short(one.turnCount)}</span>
        <span class="with-unit">
          {tn('{count} turn', '{count} turns', one.turnCount, { count: short(one.turnCount) })}
        </span>
      </span>
      <span
        role="cell"
        class={`number ${one.errorCount > 0 ? 'failed' : 'none'}`}
        title={tn('{count} error', '{count} errors', one.errorCount)}
      >
        {one.errorCount > 0 && <Icon name="error" />}
        <span class="bare">{one.errorCount > 0 ? short(one.errorCount) : '–'}</span>
        <span class="with-unit">
          {tn('{count} error', '{count} errors', one.errorCount, { count: short(one.errorCount) })}
        </span>
      </span>
      <span role="cell" class="number row-tokens" title={tn('{count} token', '{count} tokens', tokens)}>
        <span class="bare">{short(tokens)}</span>
        <span class="with-unit">{tn('{count} token', '{count} tokens', tokens, { count: short(tokens) })}</span>
      </span>
      <span
        role="cell"
        class={`number ${one.cost ? '' : 'none'}`}
        title={one.cost ? exactDollars(one.cost.totalUsd) : t('No price is known')}
      >
        {one.cost ? dollars(one.cost.totalUsd) : '–'}
      </span>
      <span role="cell" class="number row-time soft">
        {one.isRunning && one.lastActivityAt && isAtWork(one.lastActivityAt, now) && (
          <span class="running">
            <span class="hidden">{t('running') + t(', ')}</span>
          </span>
        )}
        {one.lastActivityAt && <Time iso={one.lastActivityAt}>{ago(one.lastActivityAt, now)}</Time>}
      </span>
    </div>
  );
}
