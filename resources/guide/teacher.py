"""A linear classifier over words, word pairs and letter groups, learned from the same text.

It is far too large to ship, but it judges unusual wordings well; the guide learns to be as sure, and
as unsure, as it is.
"""

import random

import corpus
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion, make_union
from sklearn.svm import LinearSVC

_CERTAINTY = 5.0  # turns the classifier's margins (about -1 to 1) into probabilities


class Teacher:
    """Gives the probability of each intent (in alphabetical order) for questions."""

    def __init__(self, intents: dict[str, corpus.Intent], varier: corpus.Varier, seed: int) -> None:
        dice = random.Random(seed)
        texts, names = [], []
        for intent in intents.values():
            foreign = intent.name == corpus.OUT_OF_SCOPE
            for line in intent.questions:
                written = [corpus.pick(line, dice) for _ in range(3)]
                varied = [varier.vary(corpus.pick(line, dice), dice, foreign) for _ in range(3)]
                found = {corpus.as_the_template_does(t) for t in written} | set(varied)
                texts += sorted(found)
                names += [intent.name] * len(found)
        texts += [corpus.as_the_template_does(varier.unrelated(dice)) for _ in range(1500)]
        names += [corpus.OUT_OF_SCOPE] * 1500
        self._features: FeatureUnion = make_union(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"[\w'_-]+"),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2),
        )
        classifier = LinearSVC(C=0.5, tol=1e-2, random_state=seed)
        classifier.fit(self._features.fit_transform(texts), names)
        assert list(classifier.classes_) == sorted(intents)
        self._weights = classifier.coef_.T.astype(np.float32)
        self._bias = classifier.intercept_.astype(np.float32)

    def probabilities(self, questions: list[str]) -> np.ndarray:
        """(questions, intents), each row adding up to 1."""
        margins = (self._features.transform(questions) @ self._weights + self._bias) * _CERTAINTY
        powers = np.exp(margins - margins.max(1, keepdims=True))
        return (powers / powers.sum(1, keepdims=True)).astype(np.float32)
