// Where in a chat one reads: at the end, which is kept while turns come; at a linked turn, until one scrolls; else
// wherever one is, which stays put while older turns are put in front.

import type { RefObject } from 'preact';
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { TurnPartsFragment } from '../graph/generated';
import type { Place } from '../lib/place';

const NEAR_END = 64; // pixels
const READ_AT = 0.3; // of the height: what is there is being read

export interface Reading {
  readonly scroller: RefObject<HTMLDivElement | null>;
  readonly content: RefObject<HTMLDivElement | null>;
  /** The turn that is being read. */
  readonly turn: string | null;
  /** Turns that came below while one read above. */
  readonly unseen: number;
  readonly step: (by: number) => void;
  readonly toEnd: () => void;
  readonly toStart: () => void;
}

type Goal = { readonly at: 'end' } | { readonly at: 'turn'; readonly turn: string; readonly message: string | null };

export function useReading(turns: readonly TurnPartsFragment[], place: Place): Reading {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const goal = useRef<Goal | null>({ at: 'end' });
  /** The turn that the last step led to, until one scrolls: the next step starts there, however soon it comes. */
  const led = useRef<string | null>(null);
  const anchor = useRef<{ turn: string; top: number } | null>(null);
  /** How far down one was when last told of: the browser tells late, and the end may have moved away since. */
  const seen = useRef(0);
  const [turn, setTurn] = useState<string | null>(null);
  const [unseen, setUnseen] = useState(0);
  const count = useRef(0);
  const first = turns[0]?.traceId ?? null;
  const last = turns[turns.length - 1]?.traceId ?? null;

  const sections = useCallback(() => [...(content.current?.querySelectorAll<HTMLElement>('.turn') ?? [])], []);

  /** Which turn is read, found by halves: there may be thousands. */
  const track = useCallback(() => {
    const box = scroller.current;
    const all = sections();
    if (!box || all.length === 0) return;
    const line = box.getBoundingClientRect().top + box.clientHeight * READ_AT;
    let [low, high] = [0, all.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((all[middle]?.getBoundingClientRect().top ?? 0) <= line) low = middle;
      else high = middle - 1;
    }
    const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 2;
    const read = isAtEnd ? lastVisible(all, line, low) : all[low];
    if (!read) return;
    const name = read.dataset['turn'] ?? null;
    anchor.current = name === null ? null : { turn: name, top: read.getBoundingClientRect().top };
    setTurn(name);
  }, [sections]);

  const settle = useCallback(() => {
    const box = scroller.current;
    const wanted = goal.current;
    if (!box || !wanted) return;
    if (wanted.at === 'end') {
      box.scrollTop = box.scrollHeight;
      seen.current = box.scrollTop;
      return;
    }
    const section = sections().find((one) => one.dataset['turn'] === wanted.turn);
    if (!section) return;
    const message = wanted.message && section.querySelector<HTMLElement>(wanted.message);
    const edge = box.getBoundingClientRect().top + (message ? box.clientHeight / 4 : 0);
    box.scrollTop += (message || section).getBoundingClientRect().top - edge;
  }, [sections]);

  // What is scrolled by hand is not scrolled back.
  useEffect(() => {
    const box = scroller.current;
    if (!box) return undefined;
    const byHand = () => {
      if (goal.current?.at === 'turn') goal.current = null;
    };
    const scrolled = () => {
      const isNear = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END;
      const isLeft = !isNear && box.scrollTop < seen.current;
      seen.current = box.scrollTop;
      if (goal.current?.at !== 'turn') {
        if (isNear) goal.current = { at: 'end' };
        else if (isLeft) goal.current = null;
        led.current = null;
      }
      if (isNear) setUnseen(0);
      track();
    };
    box.addEventListener('scroll', scrolled, { passive: true });
    for (const name of ['wheel', 'touchmove', 'pointerdown', 'keydown']) {
      box.addEventListener(name, byHand, { passive: true });
    }
    return () => {
      box.removeEventListener('scroll', scrolled);
      for (const name of ['wheel', 'touchmove', 'pointerdown', 'keydown']) box.removeEventListener(name, byHand);
    };
  }, [track]);

  // Blocks get their true heights after they were first shown.
  const isShown = first !== null;
  useEffect(() => {
    if (!isShown || !content.current) return undefined;
    const sizes = new ResizeObserver(() => {
      settle();
      track();
    });
    sizes.observe(content.current);
    return () => sizes.disconnect();
  }, [isShown, settle, track]);

  useLayoutEffect(() => {
    if (place.turn) {
      goal.current = { at: 'turn', turn: place.turn, message: linkedMessage(place) };
      settle();
    }
  }, [place.turn, place.span, place.message, isShown, settle]);

  useLayoutEffect(() => {
    const box = scroller.current;
    const kept = anchor.current;
    if (!box || !kept || goal.current) {
      settle();
      return;
    }
    const section = sections().find((one) => one.dataset['turn'] === kept.turn);
    if (section) box.scrollTop += section.getBoundingClientRect().top - kept.top;
  }, [first]);

  useLayoutEffect(() => {
    const added = turns.length - count.current;
    const isAppended = count.current > 0 && added > 0;
    count.current = turns.length;
    if (goal.current?.at === 'end') settle();
    else if (isAppended) setUnseen((before) => before + added);
  }, [last]);
  useLayoutEffect(() => {
    count.current = turns.length;
  }, [turns.length]);

  const step = useCallback(
    (by: number) => {
      const all = sections();
      const from = led.current ?? anchor.current?.turn;
      const at = all.findIndex((one) => one.dataset['turn'] === from);
      const next = all[Math.min(all.length - 1, Math.max(0, at + by))];
      const name = next?.dataset['turn'];
      if (!next || !name) return;
      led.current = name;
      goal.current = { at: 'turn', turn: name, message: null };
      settle();
      next.focus({ preventScroll: true });
    },
    [sections, settle],
  );
  const toEnd = useCallback(() => {
    goal.current = { at: 'end' };
    led.current = null;
    setUnseen(0);
    settle();
  }, [settle]);
  const toStart = useCallback(() => {
    goal.current = null;
    led.current = null;
    scroller.current?.scrollTo({ top: 0 });
  }, []);
  return { scroller, content, turn, unseen, step, toEnd, toStart };
}

/** How to find the message that a link names, by its place or by its span. */
function linkedMessage({ message, span }: Place): string | null {
  if (message !== null) return `[data-position="${message}"]`;
  return span === null ? null : `[data-span="${CSS.escape(span)}"]`;
}

/** At the very end the last turn is read, even where it begins below the line. */
function lastVisible(all: readonly HTMLElement[], line: number, low: number): HTMLElement | undefined {
  const end = all[all.length - 1];
  return end && end.getBoundingClientRect().top > line ? end : all[low];
}
