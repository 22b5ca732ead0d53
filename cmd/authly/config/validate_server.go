package config

func (d *decoder) checkServer()  {}
func (d *decoder) checkStore()   {}
func (d *decoder) checkTokens()  {}
func (d *decoder) checkHeaders() {}
func (d *decoder) checkCORS()    {}
func (d *decoder) checkRoutes()  {}
