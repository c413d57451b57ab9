import { Inject, Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import {
  EventLogRepository,
  type EventRecord,
  type LiveSessionRecord,
  LiveSessionRepository,
  Notifications,
} from '@quayside/database';
import { DomainError, isId } from '@quayside/domain';
import { presentEvent } from '../events/events.schema.js';
import { presentSession } from '../sessions/sessions.schema.js';
import { API_SETTINGS, type ApiSettings } from '../settings.js';
import { EventStream } from './event-stream.js';

const MAX_CLIENTS = 500;
const MAX_CLIENTS_PER_TENANT = 20;
const HEARTBEAT_MS = 15_000;
/** A key may be revoked meanwhile: clients come back, with Last-Event-ID, and show it again. */
const LONGEST_MS = 15 * 60_000;
const WATCH_MS = 120_000;
const RENEW_WATCH_MS = 40_000;
/** Running transfers are written down every few seconds, and nothing tells of it. */
const SESSIONS_EVERY_MS = 5_000;
const MAX_SESSIONS = 200;
const MAX_REPLAYED = 1_000;
/** An event of another machine may come into the log after later ones: a replay begins this much earlier. */
const REPLAY_OVERLAP_MS = 60_000;

interface Client {
  readonly stream: EventStream;
  /** Ids that came while the replay was read; null when it has been sent. */
  waiting: EventRecord[] | null;
}

interface Channel {
  readonly tenantId: string;
  readonly clients: Set<Client>;
  readonly timers: readonly NodeJS.Timeout[];
  lastSessions: string;
}

/** The live streams of this process. It listens only while somebody watches. */
@Injectable()
export class StreamHub implements BeforeApplicationShutdown {
  readonly #log = new Logger('Stream');
  readonly #channels = new Map<string, Channel>();
  #notifications: Notifications | null = null;
  #stopping = false;

  constructor(
    @Inject(API_SETTINGS) private readonly settings: ApiSettings,
    private readonly events: EventLogRepository,
    private readonly sessions: LiveSessionRepository,
  ) {}

  get clients(): number {
    let count = 0;
    for (const channel of this.#channels.values()) count += channel.clients.size;
    return count;
  }

  /** @param lastEventId the event that the client has seen last; what came after it is sent first */
  async open(tenantId: string, lastEventId: string | undefined): Promise<EventStream> {
    const present = this.#channels.get(tenantId)?.clients.size ?? 0;
    if (this.#stopping || present >= MAX_CLIENTS_PER_TENANT || this.clients >= MAX_CLIENTS) {
      throw new DomainError('request.rate-limited', { detail: 'Too many streams are open' });
    }
    const client: Client = { stream: new EventStream(), waiting: [] };
    const channel = this.#join(tenantId, client);
    try {
      // Before anything is read: what happens from here on is told.
      await this.events.watch(tenantId, WATCH_MS);
      await this.#sendSessions(channel, client);
      if (lastEventId !== undefined && isId(lastEventId)) await this.#replay(tenantId, lastEventId, client);
    } catch (error) {
      client.stream.destroy();
      throw error;
    }
    const late = client.waiting ?? [];
    client.waiting = null;
    for (const event of late) sendEvent(client, event);
    return client.stream;
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#stopping = true;
    for (const channel of this.#channels.values()) {
      for (const { stream } of channel.clients) stream.end();
      for (const timer of channel.timers) clearInterval(timer);
    }
    this.#channels.clear();
    await this.#notifications?.close();
  }

  #join(tenantId: string, client: Client): Channel {
    const channel = this.#channels.get(tenantId) ?? this.#openChannel(tenantId);
    channel.clients.add(client);
    const beat = setInterval(() => client.stream.beat(), HEARTBEAT_MS);
    const end = setTimeout(() => client.stream.end(), LONGEST_MS);
    client.stream.once('close', () => {
      clearInterval(beat);
      clearTimeout(end);
      channel.clients.delete(client);
      if (channel.clients.size === 0) this.#closeChannel(channel);
    });
    this.#listen();
    return channel;
  }

  #openChannel(tenantId: string): Channel {
    const channel: Channel = {
      tenantId,
      clients: new Set(),
      timers: [
        setInterval(() => this.#quietly(this.events.watch(tenantId, WATCH_MS)), RENEW_WATCH_MS),
        setInterval(() => this.#quietly(this.#sendSessions(channel)), SESSIONS_EVERY_MS),
      ],
      lastSessions: '',
    };
    this.#channels.set(tenantId, channel);
    return channel;
  }

  #closeChannel(channel: Channel): void {
    for (const timer of channel.timers) clearInterval(timer);
    if (this.#channels.get(channel.tenantId) === channel) this.#channels.delete(channel.tenantId);
  }

  #listen(): void {
    if (this.#notifications !== null || this.#stopping) return;
    this.#notifications = new Notifications({
      url: this.settings.databaseUrl,
      applicationName: 'quayside api streams',
      onChange: ({ table, tenantId, ids }) => {
        const channel = tenantId === null ? undefined : this.#channels.get(tenantId);
        if (channel === undefined) return;
        if (table === 'event' && ids !== undefined) this.#quietly(this.#sendEvents(channel, ids));
        if (table === 'ftp_session') this.#quietly(this.#sendSessions(channel));
      },
      // What was missed is in the log: clients come back and say what they have seen.
      onGap: () => this.#endAllAfterGap(),
      onWarning: (message) => this.#log.warn(message),
    });
    this.#notifications.start();
  }

  #hasListened = false;
  #endAllAfterGap(): void {
    if (this.#hasListened) {
      for (const channel of this.#channels.values()) for (const { stream } of channel.clients) stream.end();
    }
    this.#hasListened = true;
  }

  async #sendEvents(channel: Channel, ids: readonly string[]): Promise<void> {
    const events = await this.events.byIds(channel.tenantId, ids);
    for (const client of channel.clients) {
      if (client.waiting === null) for (const event of events) sendEvent(client, event);
      else client.waiting.push(...events);
    }
    if (events.some(({ type }) => type === 'login.succeeded' || type === 'session.closed')) {
      await this.#sendSessions(channel);
    }
  }

  /** The live sessions to all clients where they have changed, or to a new one. */
  async #sendSessions(channel: Channel, newcomer?: Client): Promise<void> {
    const rows = await this.sessions.list(channel.tenantId, {}, null, MAX_SESSIONS);
    const text = JSON.stringify(rows.map(withoutHeartbeat));
    const isNew = text !== channel.lastSessions;
    channel.lastSessions = text;
    const sessions = { items: rows.map(presentSession), complete: rows.length < MAX_SESSIONS };
    for (const client of channel.clients) {
      if (client === newcomer || (isNew && client.waiting === null)) client.stream.send('sessions', sessions);
    }
  }

  /** What has happened since; `gap` where that is more than a stream can bring. */
  async #replay(tenantId: string, lastEventId: string, client: Client): Promise<void> {
    const [last] = await this.events.byIds(tenantId, [lastEventId]);
    if (last === undefined) {
      client.stream.send('gap', { reason: 'the last event is no longer in the log; read the list of events' });
      return;
    }
    const from = new Date(last.at.getTime() - REPLAY_OVERLAP_MS);
    const events = await this.events.list(tenantId, { from }, false, null, MAX_REPLAYED + 1);
    if (events.length > MAX_REPLAYED) {
      client.stream.send('gap', {
        reason: `more than ${MAX_REPLAYED} events; read the list of events from here`,
        from,
      });
      return;
    }
    const sent = new Set<string>([lastEventId]);
    for (const event of events) {
      if (event.id !== lastEventId) sendEvent(client, event);
      sent.add(event.id);
    }
    client.waiting = (client.waiting ?? []).filter((event) => !sent.has(event.id));
  }

  /** The next turn tries again. */
  #quietly(work: Promise<void>): void {
    work.catch((error: unknown) => this.#log.warn(`a live stream could not be served: ${String(error)}`));
  }
}

function sendEvent(client: Client, event: EventRecord): void {
  client.stream.send('event', presentEvent(event), event.id);
}

/** A session that is only still there has not changed. */
function withoutHeartbeat(record: LiveSessionRecord): unknown {
  const { seenAt: _, ...session } = record;
  return session;
}
