"""An exchange on the loopback interface that speaks Binance's public REST endpoints, and errs when told to."""
