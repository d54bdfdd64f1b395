// What the tabs that have a collection open tell each other.

type News = "committed" | "destroyed";

export class Tabs {
  #channel: BroadcastChannel;

  constructor(collection: string, hear: (news: News) => void) {
    this.#channel = new BroadcastChannel(channelName(collection));
    this.#channel.onmessage = ({ data }) => hear(data as News);
  }

  /** There is a newer generation. */
  announce(): void {
    this.#channel.postMessage("committed" satisfies News);
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
