// A conversation as a chat, the newest turn at the end; beside it the spans of the turn that is read.

import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { ConversationHeaderDocument, type TurnPartsFragment } from '../graph/generated';
import { ago } from '../lib/format';
import { t, tn } from '../lib/texts';
import { Copy, IconButton, Link, Loading, Time } from '../parts/basics';
import { Feedback } from '../parts/feedback';
import { SMALL, useAsk, useKeys, useMedia, useNow } from '../parts/hooks';
import { Icon } from '../parts/icons';
import { go, linkTo, usePlace } from '../parts/router';
import { TroubleNote } from '../parts/trouble';
import { Amount } from './amount';
import { useConversation } from './data';
import { Export } from './export';
import { Labels } from './labels';
import { useReading } from './reading';
import { SpanPanel } from './span';
import { TurnSection } from './turn';
import { Waterfall } from './waterfall';

interface Props {
  readonly project: string;
  readonly conversation: string;
}

export function ConversationPage({ project, conversation }: Props) {
  const place = usePlace();
  const isSmall = useMedia(SMALL);
  const chat = useConversation(project, conversation, place.turn);
  const { stretch } = chat;
  const reading = useReading(stretch?.turns ?? [], place);
  const [drawer, setDrawer] = useState<string | null>(null);
  const back = useCallback(() => go({ conversation: null, turn: null, span: null }), []);

  useKeys({
    j: () => reading.step(1),
    k: () => reading.step(-1),
    End: reading.toEnd,
    Home: reading.toStart,
    r: chat.reload,
    Escape: () => {
      if (place.span) go({ span: null });
      else if (drawer) setDrawer(null);
      else back();
    },
  });

  const top = useRef<HTMLDivElement>(null);
  const bottom = useRef<HTMLDivElement>(null);
  useNear(top, chat.older, [stretch?.startCursor]);
  useNear(bottom, chat.nextPage, [stretch?.endCursor]);

  if (chat.trouble) return <TroubleNote trouble={chat.trouble} again={chat.reload} />;
  if (chat.missing) {
    return (
      <div class="note" role="alert">
        <Icon name="help" />
        <div>
          <h2>{t('There is no such conversation in {project}', { project })}</h2>
          <p>{t('Nothing with the id {id} is stored there, or your key does not reach it.', { id: conversation })}</p>
          <Link to={{ conversation: null, turn: null, span: null }} class="button">
            {t('All conversations')}
          </Link>
        </div>
      </div>
    );
  }
  const active = (place.span ? place.turn : null) ?? drawer ?? reading.turn;
  const index = stretch?.turns.findIndex(({ traceId }) => traceId === active) ?? -1;
  const activeTurn = stretch?.turns[index];
  const firstNumber = stretch ? stretch.turnCount - stretch.newer - stretch.turns.length + 1 : 1;
  const isSideShown = !isSmall || drawer !== null || place.span !== null;
  return (
    <section class="chat" aria-label={t('Conversation')}>
      <ChatHead project={project} conversation={conversation} changes={chat.changes} back={back} />
      <div class="chat-body">
        <div class="scroll chat-scroll" ref={reading.scroller} tabIndex={-1}>
          {!stretch && <Loading text={t('Loading the conversation…')} />}
          {stretch && (
            <div class="chat-content" ref={reading.content}>
              {chat.lost && (
                <p class="notice" role="alert">
                  {t('The linked turn is not in this conversation. These are its newest turns.')}
                </p>
              )}
              <div ref={top} class="chat-edge">
                {stretch.hasOlder ? (
                  <button type="button" class="text-button" onClick={chat.older} disabled={chat.loading === 'older'}>
                    {chat.loading === 'older' ? t('Loading older turns…') : t('Older turns')}
                  </button>
                ) : (
                  <span class="soft">{t('The conversation begins here')}</span>
                )}
              </div>
              {stretch.turns.map((turn, at) => (
                <TurnSection
                  key={turn.traceId}
                  project={project}
                  turn={turn}
                  number={firstNumber + at}
                  span={turn.traceId === place.turn ? place.span : null}
                  message={turn.traceId === place.turn ? place.message : null}
                  linked={turn.traceId === place.turn}
                  showSpans={setDrawer}
                />
              ))}
              {stretch.hasNewer && (
                <div ref={bottom} class="chat-edge">
                  <button type="button" class="text-button" onClick={chat.nextPage} disabled={chat.loading === 'newer'}>
                    {chat.loading === 'newer' ? t('Loading newer turns…') : t('Newer turns')}
                  </button>
                </div>
              )}
            </div>
          )}
          <div class="chat-float" role="status">
            {chat.waiting > 0 ? (
              <button type="button" class="button news" onClick={chat.newest}>
                {tn('{count} new turn', '{count} new turns', chat.waiting)}
              </button>
            ) : reading.unseen > 0 ? (
              <button type="button" class="button news" onClick={reading.toEnd}>
                {tn('{count} new turn', '{count} new turns', reading.unseen)}
              </button>
            ) : null}
          </div>
        </div>
        {isSideShown && (
          <aside class="side" aria-label={t('Spans of the turn')}>
            <header class="side-head">
              <h2>{activeTurn ? t('Spans of turn {number}', { number: firstNumber + index }) : t('Spans')}</h2>
              {activeTurn && <span class="soft">{tn('{count} span', '{count} spans', activeTurn.spanCount)}</span>}
              {isSmall && (
                <IconButton
                  icon="close"
                  label={t('Close the spans')}
                  onClick={() => {
                    setDrawer(null);
                    go({ span: null });
                  }}
                />
              )}
            </header>
            <div class="side-waterfall scroll">
              {activeTurn && (
                <Waterfall
                  key={activeTurn.traceId}
                  project={project}
                  conversation={conversation}
                  turn={activeTurn.traceId}
                  spanCount={activeTurn.spanCount}
                  version={versionOf(activeTurn)}
                  span={place.span}
                />
              )}
            </div>
            {place.span && place.turn && (
              <SpanPanel
                project={project}
                turn={place.turn}
                span={place.span}
                version={activeTurn?.traceId === place.turn ? versionOf(activeTurn) : ''}
              />
            )}
          </aside>
        )}
      </div>
    </section>
  );
}

/** Another one when a turn has other spans, or the same have gone on. */
const versionOf = (turn: TurnPartsFragment): string => `${turn.spanCount} ${turn.lastActivityAt}`;

function ChatHead(props: Props & { readonly changes: number; readonly back: () => void }) {
  const { project, conversation } = props;
  const now = useNow();
  const asked = useAsk(ConversationHeaderDocument, { project, conversation }, props.changes);
  const head = asked.data?.project?.conversation;
  const title = head?.name ?? conversation;
  useEffect(() => {
    document.title = `${title} · Turngraph`;
  }, [title]);
  return (
    <header class="chat-head">
      <IconButton icon="back" label={t('All conversations')} onClick={props.back} />
      <div class="chat-title">
        <h1 class="clip" title={title}>
          {title}
        </h1>
        <p class="soft chat-facts">
          {head && (
            <>
              {head.name && <span class="clip mono">{conversation}</span>}
              {head.agents.length > 0 && <span class="clip">{head.agents.join(', ')}</span>}
              {head.tags.length > 0 && (
                <ul class="tags" aria-label={t('Tags')}>
                  {head.tags.map((tag) => (
                    <li key={tag}>
                      <Link
                        to={{ conversation: null, turn: null, span: null, search: '', filters: { tag } }}
                        class="tag"
                        title={t('All conversations with this tag')}
                      >
                        {tag}
                      </Link>
                    </li>
                  ))}
                </ul>
              )}
              <span>{tn('{count} turn', '{count} turns', head.turnCount)}</span>
              <Amount usage={head.usage} cost={head.cost} />
              {head.errorCount > 0 && (
                <span class="failed">
                  <Icon name="error" /> {tn('{count} error', '{count} errors', head.errorCount)}
                </span>
              )}
              {head.lastActivityAt && <Time iso={head.lastActivityAt}>{ago(head.lastActivityAt, now)}</Time>}
            </>
          )}
        </p>
      </div>
      <div class="chat-tools">
        {head && (
          <Feedback
            project={project}
            target={{ conversationId: conversation }}
            what={t('the conversation')}
            given={head.feedback}
          />
        )}
        {head && (
          <Labels
            project={project}
            conversation={conversation}
            name={head.name}
            tags={head.tags}
            changed={asked.again}
          />
        )}
        {head && <Export project={project} conversation={conversation} />}
        <Copy
          text={location.origin + linkTo({ turn: null, span: null, lang: null })}
          label={t('Copy the link to this conversation')}
        />
      </div>
    </header>
  );
}

/** Calls when an element comes near what is seen. */
function useNear(element: { readonly current: HTMLElement | null }, near: () => void, when: readonly unknown[]): void {
  const latest = useRef(near);
  useLayoutEffect(() => {
    latest.current = near;
  });
  useEffect(() => {
    const target = element.current;
    if (!target) return undefined;
    const seen = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) latest.current();
      },
      { root: target.closest('.scroll'), rootMargin: '800px 0px' },
    );
    // After the first scroll to the end, or to a linked turn.
    const timer = window.setTimeout(() => seen.observe(target), 250);
    return () => {
      window.clearTimeout(timer);
      seen.disconnect();
    };
  }, [...when]);
}
