// The inbox: every behaviour is a module of its own, started here.

import "./head.js";
import { startActions } from "./actions.js";
import { startNew } from "./begin.js";
import { startChannels } from "./channel.js";
import { startComposer } from "./composer.js";
import { startCopies } from "./copies.js";
import { startContext } from "./context.js";
import { startCounts } from "./counts.js";
import { startDeliveries } from "./deliveries.js";
import { startFullText } from "./fulltext.js";
import { startKeys } from "./keys.js";
import { startList } from "./list.js";
import { startMenus } from "./menu.js";
import { startOutbox } from "./outbox.js";
import { startQuotes } from "./quote.js";
import { connect } from "./socket.js";
import { startTemplates } from "./template.js";
import { startThread } from "./thread.js";

startMenus();
startCounts();
startList();
startChannels();
startActions();
startComposer();
startCopies();
startKeys();
startContext();
startDeliveries();
startFullText();
startQuotes();
startTemplates();
startNew();
startThread();
startOutbox();
connect();
