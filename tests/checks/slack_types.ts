// The roots from which JSON Schemas are generated: the shapes Slack's own SDK declares,
// closed where its types leave a door open (any block in a view, any key in a manifest).
import type { HomeView, KnownBlock, ModalView } from '@slack/types';
import type { Manifest } from '@slack/web-api/dist/types/request/manifest';

export type MessageBlocks = KnownBlock[];
export type ModalSurface = Omit<ModalView, 'blocks'> & { blocks: KnownBlock[] };
export type HomeSurface = Omit<HomeView, 'blocks'> & { blocks: KnownBlock[] };
export type AppManifest = Pick<
  Manifest,
  '_metadata' | 'display_information' | 'features' | 'oauth_config' | 'settings' | 'functions'
>;
