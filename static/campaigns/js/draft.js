// The page of a campaign that has not begun.

import { startAudience } from "./audience.js";
import { startLists } from "./lists.js";
import { startPreview } from "./preview.js";
import { startRules } from "./rules.js";
import { startSource } from "./source.js";
import { startTest } from "./tryout.js";
import { startVariants } from "./variants.js";

startSource();
startRules();
startVariants();
startLists();
startAudience();
startPreview();
startTest();
