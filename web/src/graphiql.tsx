// The GraphiQL page. Everything it loads comes from the server that serves it; build.mjs bundles it.

import { explorerPlugin } from '@graphiql/plugin-explorer';
import { createGraphiQLFetcher, createLocalStorage } from '@graphiql/toolkit';
import { GraphiQL, HISTORY_PLUGIN } from 'graphiql';
import type {} from 'monaco-editor'; // its types declare window.MonacoEnvironment
import { createRoot } from 'react-dom/client';

import { CostLine, withCost } from './cost';
import { examples } from './examples';
import { questionsPlugin } from './panel';
import { questions } from './questions';

import 'graphiql/style.css';
import '@graphiql/plugin-explorer/style.css';
import './graphiql.css';

window.MonacoEnvironment = {
  getWorker(_moduleId, label) {
    const file = label === 'graphql' || label === 'json' ? WORKER_FILES[label] : WORKER_FILES.editor;
    return new Worker(new URL(file, import.meta.url), { type: 'module' });
  },
};

const root = document.getElementById('graphiql');
if (!root?.dataset['endpoint'] || !root.dataset['project']) {
  throw new Error('The page must have an element #graphiql with data-endpoint and data-project.');
}
const url = new URL(root.dataset['endpoint'], location.href);
const subscriptionUrl = new URL(url);
subscriptionUrl.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';

function dropHeaders(name: string, value: unknown): unknown {
  return name === 'headers' ? undefined : value;
}

// A space of its own: another GraphiQL that was once served from this address keeps its tabs, and we ours.
const storage = createLocalStorage({ namespace: 'turngraph' });
const { setItem } = storage;
storage.setItem = (key, value) => {
  // The history keeps a query's headers, and API keys with them, whatever shouldPersistHeaders says.
  const isHistory = key === 'graphiql:queries' || key === 'graphiql:favorites';
  setItem(key, isHistory ? JSON.stringify(JSON.parse(value, dropHeaders)) : value);
};

const tabs = examples(root.dataset['project']);
if (tabs[0] && storage.getItem('graphiql:tabState') === null) {
  // GraphiQL 5.4 loses the first default tab's variables, but not those that an earlier visit left behind.
  storage.setItem('graphiql:query', tabs[0].query);
  storage.setItem('graphiql:variables', tabs[0].variables);
}

const panel = questionsPlugin(questions(root.dataset['project'], Date.now()));
const hasRoom = matchMedia('(min-width: 50rem)').matches;

createRoot(root).render(
  <GraphiQL
    fetcher={withCost(
      createGraphiQLFetcher({
        url: url.href,
        subscriptionUrl: subscriptionUrl.href,
        // The server answers in one piece, and then says so with the media type of GraphQL over HTTP.
        enableIncrementalDelivery: false,
      }),
    )}
    plugins={[panel, HISTORY_PLUGIN, explorerPlugin()]}
    {...(hasRoom ? { visiblePlugin: panel } : {})}
    defaultTabs={tabs}
    defaultEditorToolsVisibility="variables"
    // Headers carry API keys: they stay in the page and are gone with it.
    shouldPersistHeaders={false}
    storage={storage}
  >
    <GraphiQL.Logo>
      <a className="graphiql-logo-link" href="/">
        Turngraph
      </a>
    </GraphiQL.Logo>
    <GraphiQL.Footer>
      <CostLine />
    </GraphiQL.Footer>
  </GraphiQL>,
);
