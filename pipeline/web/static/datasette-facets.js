// What Datasette 0.65 writes into its table page: our tables can always be faceted.
var DATASETTE_ALLOW_FACET = true;
