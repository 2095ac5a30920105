"""Regressors by name: numbers read from codes, every one standardised inside and set by cross-validation.

Settings are searched for each target apart, on at most `SEARCH_ROWS` training rows in three folds, by mean absolute
error; the fit itself uses every training row. The six of Ivanov and Pereiro 2024 and kernel ridge regression.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Protocol

import numpy as np

from zoneaxis.errors import InputError
from zoneaxis.learn.kernel_ridge import KernelRidge, checked

SEARCH_ROWS = 1200
FOLDS = 3
SVM_ITERATIONS, SVM_SEARCH_ITERATIONS = 2_000_000, 100_000
"""Support vector machines stop here, converged or not: 4000 rows take up to half a minute of one core."""


class Regressor(Protocol):
    """What every regressor offers."""

    def fit(self, inputs: np.ndarray, targets: np.ndarray) -> Regressor:
        """Learn inputs (n, d) -> targets (n, t); returns itself."""

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Targets in their own units, (n, d) -> (n, t)."""

    @property
    def chosen(self) -> list[dict[str, Any]]:
        """Settings that the search chose, one mapping per target."""


@dataclass(frozen=True)
class Kind:
    """A kind of regressor: how one is made from (seed, **settings), and the candidates of each setting."""

    make: Callable[..., Any]
    candidates: Mapping[str, tuple[Any, ...]]


def regressor(name: str, seed: int = 0, **settings: Any) -> Regressor:
    """An unfitted regressor; `settings` fix what would otherwise be searched.

    Kernel ridge takes the search settings of `KernelRidge.fit` instead (gammas, powers, ridges, search_rows, ...).
    Raises `InputError` for an unknown name or setting.
    """
    if name not in REGRESSORS:
        raise InputError(f"unknown regressor {name!r}; known: {', '.join(REGRESSORS)}")
    known = REGRESSORS[name].candidates
    for setting in settings:
        if setting not in known:
            raise InputError(f"regressor {name!r}: unknown setting {setting!r}; known: {', '.join(known)}")
    return RidgeRegressor(seed, settings) if name == "kernel_ridge" else SearchedRegressor(name, seed, settings)


@dataclass
class SearchedRegressor:
    """One scikit-learn or XGBoost model per target behind common standardisation."""

    name: str
    seed: int
    settings: dict[str, Any]
    models: list[Any] = field(default_factory=list, repr=False)
    chosen: list[dict[str, Any]] = field(default_factory=list)

    def fit(self, inputs: np.ndarray, targets: np.ndarray) -> SearchedRegressor:
        """Search the settings of each target, then fit all rows; raises `InputError` as `KernelRidge.fit` does."""
        inputs, targets = checked(inputs, targets)
        spread = inputs.std(0)
        self._centre, self._spread = inputs.mean(0), np.where(spread > 0, spread, 1.0)
        self._offset, self._scale = targets.mean(0), targets.std(0)
        x, y = (inputs - self._centre) / self._spread, (targets - self._offset) / self._scale
        rows = np.random.default_rng(self.seed).permutation(len(x))[:SEARCH_ROWS]
        self.chosen = [self._search(x[rows], column) for column in y[rows].T]
        self.models = [_fit(self._make(settings), x, column) for settings, column in zip(self.chosen, y.T, strict=True)]
        return self

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Targets in their own units, (n, d) -> (n, t)."""
        if not self.models:
            raise InputError(f"regressor {self.name!r} is not fitted yet")
        x = (np.asarray(inputs, float) - self._centre) / self._spread
        return self._offset + self._scale * np.stack([model.predict(x) for model in self.models], axis=-1)

    def _make(self, settings: Mapping[str, Any]) -> Any:
        return REGRESSORS[self.name].make(self.seed, **settings)

    def _search(self, x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
        grid = {name: tuple(values) for name, values in REGRESSORS[self.name].candidates.items()}
        grid |= {name: (value,) for name, value in self.settings.items()}
        tried = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
        return tried[0] if len(tried) == 1 else min(tried, key=lambda settings: self._error(settings, x, y))

    def _error(self, settings: Mapping[str, Any], x: np.ndarray, y: np.ndarray) -> float:
        """Mean absolute error over the folds; the rows come in random order."""
        fold = np.arange(len(x)) % FOLDS
        residuals = []
        for left_out in range(FOLDS):
            model = self._make(settings)
            if "max_iter" in model.get_params():
                model.set_params(max_iter=SVM_SEARCH_ITERATIONS)
            _fit(model, x[fold != left_out], y[fold != left_out])
            residuals.append(np.abs(model.predict(x[fold == left_out]) - y[fold == left_out]))
        return float(np.concatenate(residuals).mean())


@dataclass
class RidgeRegressor:
    """`KernelRidge` behind the same face; its own search is exact leave-one-out. `fitted` holds what is stored."""

    seed: int
    settings: dict[str, Any]
    fitted: KernelRidge | None = field(default=None, repr=False)

    def fit(self, inputs: np.ndarray, targets: np.ndarray) -> RidgeRegressor:
        """Learn inputs (n, d) -> targets (n, t); returns itself."""
        self.fitted = KernelRidge.fit(inputs, targets, seed=self.seed, **self.settings)
        return self

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Targets in their own units, (n, d) -> (n, t)."""
        if self.fitted is None:
            raise InputError("regressor 'kernel_ridge' is not fitted yet")
        return self.fitted.predict(inputs)

    @property
    def chosen(self) -> list[dict[str, Any]]:
        """Ridge and inverse lengths of each target."""
        if self.fitted is None:
            return []
        pairs = zip(self.fitted.ridge, self.fitted.inverse_length, strict=True)
        return [{"ridge": float(ridge), "inverse_length": lengths.tolist()} for ridge, lengths in pairs]


def _fit(model: Any, x: np.ndarray, y: np.ndarray) -> Any:
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the bound on iterations is meant
        return model.fit(x, y)


def _neighbours(seed: int, **settings: Any) -> Any:
    from sklearn.neighbors import KNeighborsRegressor

    return KNeighborsRegressor(weights="distance", **settings)


def _support_vectors(seed: int, **settings: Any) -> Any:
    from sklearn.svm import SVR

    return SVR(epsilon=0.01, cache_size=500, max_iter=SVM_ITERATIONS, **settings)


def _nu_support_vectors(seed: int, **settings: Any) -> Any:
    from sklearn.svm import NuSVR

    return NuSVR(cache_size=500, max_iter=SVM_ITERATIONS, **settings)


def _decision_tree(seed: int, **settings: Any) -> Any:
    from sklearn.tree import DecisionTreeRegressor

    return DecisionTreeRegressor(random_state=seed, **settings)


def _extra_trees(seed: int, **settings: Any) -> Any:
    from sklearn.ensemble import ExtraTreesRegressor

    return ExtraTreesRegressor(n_estimators=200, random_state=seed, **settings)


def _boosted_trees(seed: int, **settings: Any) -> Any:
    try:
        from xgboost import XGBRegressor
    except ImportError:
        raise InputError("regressor 'xgboost' needs the package xgboost, which is not installed") from None
    return XGBRegressor(tree_method="hist", learning_rate=0.1, n_jobs=1, random_state=seed, **settings)


def _kernel_ridge(seed: int, **settings: Any) -> Any:
    return RidgeRegressor(seed, dict(settings))


REGRESSORS: dict[str, Kind] = {
    "knn": Kind(_neighbours, {"n_neighbors": (1, 2, 3, 5, 8)}),
    "svr": Kind(_support_vectors, {"C": (10.0, 100.0), "gamma": (0.1, 0.3, 1.0)}),
    "nusvr": Kind(_nu_support_vectors, {"C": (10.0, 100.0), "gamma": (0.1, 0.3, 1.0), "nu": (0.5,)}),
    "decision_tree": Kind(_decision_tree, {"min_samples_leaf": (1, 2, 4)}),
    "extra_tree": Kind(_extra_trees, {"min_samples_leaf": (1, 2), "max_features": (0.5, 1.0)}),
    "xgboost": Kind(_boosted_trees, {"n_estimators": (400,), "max_depth": (4, 6, 8)}),
    "kernel_ridge": Kind(
        _kernel_ridge,
        dict.fromkeys(("search_rows", "refine_rows", "gammas", "powers", "ridges"), ()),
    ),
}
"""Every regressor by name. `extra_tree` is an ensemble of 200 extremely randomised trees."""
