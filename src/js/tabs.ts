// What the tabs that have a collection open tell each other.

/** "rewritten": there is a newer generation of the same content. */
export type News = "committed" | "rewritten" | "destroyed";

export class Tabs {
  #channel: BroadcastChannel;

  constructor(collection: string, hear: (news: News) => void) {
    this.#channel = new BroadcastChannel(channelName(collection));
    this.#channel.onmessage = ({ data }) => hear(data as News);
  }

  /** There is a newer generation. */
  announce(news: News = "committed"): void {
    this.#channel.postMessage(news);
  }

  close(): void {
    this.#channel.close();
  }
}

/** Tells every tab to let go of a collection that is about to be deleted. */
export function announceDestruction(collection: string): void {
  const channel = new BroadcastChannel(channelName(collection));
  channel.postMessage("destroyed" satisfies News);
  channel.close();
}

const channelName = (collection: string): string => `nearfield:${collection}`;
