// What is thought of an agent's answer: by the customer, and by who has checked it.

import { copyOf, slot } from "./dom.js";
import { t } from "./state.js";

/** Shows what the customer said of an answer, and who stands behind it; offers to say that it is right. */
export function showJudgement(node, message) {
  const isAnswer = message.author.kind === "agent" && message.direction === "out";
  node.querySelector("[data-confirm]").hidden = !isAnswer || message.validated_by === "human";
  showRating(slot(node, "rated"), message);
  const judged = slot(node, "judged");
  judged.hidden = !isAnswer;
  if (!isAnswer) return;
  judged.textContent = t(`judged-${message.validated_by}`);
  judged.title = t(`judged-${message.validated_by}-why`);
}

function showRating(element, { helpful, unhelpful_reason: reason }) {
  element.hidden = helpful !== true && helpful !== false;
  if (element.hidden) return;
  element.replaceChildren(copyOf(helpful ? "rated-yes" : "rated-no"));
  element.title = helpful ? t("rated-yes") : reason ? t("rated-no", { reason }) : t("rated-no-why");
  if (reason) element.querySelector("span > span").append(`: ${reason}`);
}
